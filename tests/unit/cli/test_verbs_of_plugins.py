"""Verbs that plugins bring: what is wrong with one is told, and by whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from dagu_core.base.errors import PluginError
from dagu_core.cli.group import VERBS
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.contracts.command import OURS, Command
from dagu_core.contracts.offers import offers_of

Capture = pytest.CaptureFixture[str]


def test_the_names_of_verbs_are_known_to_those_who_judge_plugins() -> None:
    assert set(VERBS) == OURS


def test_one_that_is_no_click_command_is_not_a_mistake_of_ours(tmp_path: Path, capsys: Capture) -> None:
    invocation = Invocation(home=str(tmp_path))
    brought = {"hello": Command("hello", "Greet.", lambda: None)}  # type: ignore[arg-type,return-value]
    invocation.__dict__["host"] = SimpleNamespace(complete=lambda: SimpleNamespace(commands=brought))
    assert run(["hello"], invocation) == 1
    told, hint = capsys.readouterr().err.splitlines()
    assert told.endswith("`hello` is broken: load gave a NoneType, not a click command")
    assert hint.startswith("Hint: `dagu plugins` tells which one it is")


@click.command()
def _greet() -> None:
    """Greet."""


def _load() -> click.Command:
    return _greet


MISTAKES: list[tuple[Any, str]] = [
    (_greet, "dagu_register_commands returned a Command in its list, not a Command of dagu_core"),
    (Command("start", "Begin.", _load), "command 'start' is a verb of dagu itself; choose another name"),
    (Command("greet", "", _load), "command 'greet': help must be a text that is not empty"),
    (Command("", "Greet.", _load), "command '': name must be a text that is not empty"),
    (
        Command("greet", "Greet.", "_load"),  # type: ignore[arg-type]
        "command 'greet': load is a str, not a function that builds the command",
    ),
]


@pytest.mark.parametrize(("offered", "told"), MISTAKES)
def test_one_that_cannot_work_is_refused_when_it_is_offered(offered: Any, told: str) -> None:
    with pytest.raises(PluginError) as refused:
        list(offers_of("toy", "dagu_register_commands", [offered]))
    assert str(refused.value) == told


@pytest.mark.parametrize("name", ["greet", "cleanup --images"])
def test_a_new_name_and_a_flag_of_a_verb_are_fine(name: str) -> None:
    (offer,) = offers_of("toy", "dagu_register_commands", [Command(name, "Greet.", _load)])
    assert offer.words == (name,)
