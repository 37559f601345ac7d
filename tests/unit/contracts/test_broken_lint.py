"""A plugin that cannot judge a file is named; a file that uses it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu_core import Config, Executor, Guard, InvalidDefinition, Notifier, Outcome, Place, Problem, hookimpl
from dagu_core.app.checks import machine
from dagu_core.app.dags import Dags
from dagu_core.contracts.host import PluginHost


class LampConfig(Config):
    """Nothing."""


class Lamp(Executor[LampConfig]):
    """Shines."""

    name, aliases, Config = "lamp", ("light",), LampConfig

    async def run(self, attempt: Any) -> Outcome:
        return Outcome()


class Shade(Guard):
    """Dims."""

    name, Config = "shade", LampConfig

    def hold(self, *words: Any) -> Any:
        """Holds nothing."""


class Bell(Notifier):
    """Rings."""

    name, Config = "bell", LampConfig

    async def notify(self, *words: Any) -> None:
        """Nobody hears it."""


class Judge:
    """A plugin whose judgement is what it was made with."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def dagu_register_executors(self) -> list[type]:
        return [Lamp]

    @hookimpl
    def dagu_register_guards(self) -> list[type]:
        return [Shade]

    @hookimpl
    def dagu_register_notifiers(self) -> list[type]:
        return [Bell]

    @hookimpl
    def dagu_lint(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def _dags(tmp_path: Path, answer: object) -> Dags:
    host = PluginHost.load(plugins=[Judge(answer)], discover=False)
    return Dags(tmp_path, tmp_path / "base.yaml", host)


NONSENSE = [
    (ValueError("boo"), "ValueError: boo"),
    (SystemExit(3), "SystemExit: 3"),
    (None, "returned a NoneType, not a list"),
    (7, "returned a int, not a list"),
    ("D001", "returned a str, not a list"),
    ([Problem("fine"), "a text"], "found a str, not a Problem"),
    ([Problem("x", severity="nonsense")], "found a Problem with a value it may not have: Invalid enum"),  # type: ignore[arg-type]
    ([Problem("x", place=(1, 2))], "found a Problem with a value it may not have: Expected `object`"),  # type: ignore[arg-type]
    ([Problem(ValueError("x"))], "found a Problem with a value it may not have: "),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("answer", "reason"), NONSENSE)
def test_a_file_without_its_words_is_valid_with_a_warning(
    tmp_path: Path, answer: object, reason: str
) -> None:
    definition = _dags(tmp_path, answer).check("steps: [{command: lamp}]")
    (told,) = definition.warnings
    assert (told.severity, told.code) == ("warning", "W034")
    assert told.message.startswith(f"the plugin Judge could not judge this file: dagu_lint: {reason}")
    assert "plugins.disabled" in told.hint


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("steps: [{type: lamp}]", "lamp", Place(1, 16)),
        ("steps: [{type: light}]", "lamp", Place(1, 16)),
        ("steps:\n  - command: x\n    shade: {}", "shade", Place(3, 5)),
        ("bell: {}\nsteps: [x]", "bell", Place(1, 1)),
        ("handlerOn: {exit: {type: lamp}}\nsteps: [x]", "lamp", Place(1, 26)),
    ],
)
def test_a_file_that_uses_it_is_refused_at_the_word(
    tmp_path: Path, text: str, word: str, place: Place
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        _dags(tmp_path, ValueError("boo")).check(text)
    (told,) = refused.value.problems
    assert (told.code, told.place) == ("D034", place)
    assert told.hint.startswith(f"what it says of `{word}` has to be known; update or repair Judge")


def test_one_that_judges_well_is_heard(tmp_path: Path) -> None:
    found = (Problem("dark", severity="warning"),)
    assert _dags(tmp_path, list(found)).check("steps: [{type: lamp}]").warnings == found


def test_one_that_can_judge_nothing_is_told_without_any_file(tmp_path: Path) -> None:
    host = PluginHost.load(plugins=[Judge(ValueError("boo"))], discover=False)
    found = [one for one in machine.plugins(host) if "Judge" in one.what]
    line = Path(__file__).read_text().splitlines().index("            raise self.answer") + 1
    reason = f"dagu_lint: ValueError: boo (contracts/test_broken_lint.py:{line})"
    assert [(one.severity, one.what) for one in found] == [("error", f"plugin Judge: {reason}")]
    (report,) = [each for each in host.reports if each.name == "Judge"]
    assert (report.state, report.reason) == ("loaded", reason)
    assert not [
        one
        for one in machine.plugins(PluginHost.load(plugins=[Judge([])], discover=False))
        if "Judge" in one.what
    ]
