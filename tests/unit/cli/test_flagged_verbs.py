"""A verb of a plugin that is one of ours with a flag of its own: `cleanup --images`."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import click
import pytest

from dagu_core.cli.group import ELSEWHERE
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.contracts.command import Command

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command line where a plugin brings `cleanup --moon`."""
    monkeypatch.setenv("DAGU_HOME", str(tmp_path))

    @click.command("cleanup --moon")
    @click.option("--older-than", default="")
    def moon(older_than: str) -> None:
        click.echo(f"swept the moon {older_than}".strip())

    def call(*words: str, brings: bool = True) -> tuple[int, str, str]:
        invocation = Invocation()
        brought = {"cleanup --moon": Command("cleanup --moon", "Sweep it.", lambda: moon)} if brings else {}
        invocation.__dict__["host"] = SimpleNamespace(complete=lambda: SimpleNamespace(commands=brought))
        code = run([*words], invocation)
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    "words",
    [
        ("cleanup", "--moon", "--older-than", "7d"),
        ("cleanup", "--older-than=7d", "-q", "--moon"),
        ("-q", "cleanup", "--moon", "--older-than=7d"),
    ],
)
def test_the_flag_makes_it_the_verb_of_the_plugin(ask: Ask, words: tuple[str, ...]) -> None:
    assert ask(*words) == (0, "swept the moon 7d\n", "")


def test_it_is_listed_and_has_a_help_of_its_own(ask: Ask) -> None:
    assert "cleanup --moon  Sweep it." in ask("help")[1]
    assert "dagu cleanup --moon [OPTIONS]" in ask("cleanup", "--moon", "--help")[1]
    assert "Delete finished runs" in ask("cleanup", "--help")[1]


def test_without_the_flag_the_verb_is_ours(ask: Ask) -> None:
    assert ask("cleanup", "-y", "--", "--moon")[1] == ""
    assert "No such option '--sun'" in ask("cleanup", "--sun")[2]
    assert "No such option '--moon'" in ask("cleanup", "--moon", brings=False)[2]


def test_what_a_package_would_bring_is_named(ask: Ask) -> None:
    assert "cleanup --images" in ELSEWHERE
    code, _, told = ask("cleanup", "--images")
    assert code == 2 and "pip install dagu-docker" in told
