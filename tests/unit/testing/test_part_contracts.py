"""The suites for guards, notifiers, providers, observers and triggers notice what is wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Fire, NotFound, Tick
from dagu_core.engine import carry_out
from dagu_core.testing.guard_contract import GuardContract
from dagu_core.testing.notifier_contract import NotifierContract
from dagu_core.testing.observer_contract import ObserverContract
from dagu_core.testing.part_suite import PartSuite
from dagu_core.testing.secret_contract import SecretProviderContract
from dagu_core.testing.trigger_contract import ClockTriggerContract, TriggerContract
from tests.unit.testing.breaking import notices, sentences

sys.path.append(str(Path(__file__).parents[2] / "plugins_zoo"))

import zoo_parts as zoo


class TestLatch(GuardContract):
    guard = zoo.Latch
    exclusive = True

    def open_value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "open")}

    def closed_value(self) -> dict[str, Any]:
        (self.folder / "closed").touch()
        return {"file": str(self.folder / "closed")}

    def refused_value(self) -> dict[str, Any]:
        return {"file": "none", "broken": True}


class TestSlip(NotifierContract):
    notifier = zoo.Slip

    def value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "slips")}

    def delivered(self) -> Sequence[bytes]:
        file = self.folder / "slips"
        return file.read_bytes().splitlines() if file.exists() else []

    def dead_value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "no" / "such" / "folder")}


class TestDrawer(SecretProviderContract):
    provider = zoo.Drawer

    def good_reference(self) -> Mapping[str, str]:
        drawer = self.folder / "drawer.json"
        drawer.write_text('{"token": "open-sesame-42"}', "utf-8")
        return {"key": f"{drawer}#token"}

    def value(self) -> str:
        return "open-sesame-42"

    def missing_reference(self) -> Mapping[str, str]:
        return {"key": self.good_reference()["key"] + "less"}

    def wrong_reference(self) -> Mapping[str, str]:
        return {"key": "token"}


class TestDiary(ObserverContract):
    observer = zoo.Diary

    @pytest.fixture(autouse=True)
    def _diary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIARY", str(tmp_path / "diary"))

    def seen(self) -> list[str]:
        file = self.folder / "diary"
        return file.read_text("utf-8").split() if file.exists() else []


class TestBell(ClockTriggerContract):
    trigger = zoo.Bell

    def entries(self) -> list[Any]:
        return ["@bell 60", {"every": 86_400}, {"every": 7, "last": 100.0}]


class TestPost(TriggerContract):
    trigger = zoo.Post

    def config(self) -> dict[str, Any]:
        return {"file": "letters"}

    def provoke(self, number: int) -> None:
        with (self.folder / "letters").open("a", encoding="utf-8") as file:
            file.write(f"letter {number}\n")

    def ailing_config(self) -> dict[str, Any]:
        return {"file": "no/such/folder/letters"}


def _holding(hold: Any) -> type[Any]:
    """A guard whose `hold` is this one."""
    return type("Broken", (zoo.Latch,), {"hold": asynccontextmanager(hold), "__doc__": "Broken."})


async def _refuses(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    raise NotFound("nobody comes in")
    yield


async def _keeps(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    while (file := Path(config.file)).exists():
        await asyncio.sleep(0.02)
    file.touch()
    yield


async def _forgets_failures(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    async for _ in _keeps(self, config, attempt):
        yield
    if attempt.number > 5:
        Path(config.file).unlink()


async def _lets_all_in(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    yield


async def _slow_to_let_go(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if attempt.commands[0] == "sleep 60":
            asyncio.get_running_loop().keep = asyncio.create_task(asyncio.sleep(30))  # type: ignore[attr-defined]


async def _breaks(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    raise KeyError("latch")
    yield


async def _never_mind(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    for _ in range(2):
        try:
            await asyncio.sleep(7)
        except asyncio.CancelledError:
            continue
    yield


def _a(base: type, **more: Any) -> type[Any]:
    return type("Broken", (base,), {"__doc__": "Broken.", **more})


async def _says_nothing(self: Any, config: Any, notice: Any) -> None:
    pass


async def _leaves_a_task(self: Any, config: Any, notice: Any) -> None:
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(30))  # type: ignore[attr-defined]


def _tells_logs(self: Any, notice: Any) -> str:
    import os

    return os.environ.get("SOURCE", "swordfish-0042/&'\"x")


async def _tells(self: Any, ref: Any, scope: Any) -> str:
    raise NotFound("it is not open-sesame-42")


async def _guesses(self: Any, ref: Any, scope: Any) -> str:
    return "guess" if ref.key.endswith("less") else "wrong"


async def _keeps_a_copy(self: Any, ref: Any, scope: Any) -> str:
    (Path(scope.environ["DAGU_HOME"]) / "cache").write_text("open-sesame-42")
    return "open-sesame-42"


def _reads(self: Any, ref: Any) -> str:
    Path("/etc/hostname").open().close()
    return ""


async def _backwards(self: Any) -> None:
    self.lines.reverse()
    await zoo.Diary.close(self)


async def _only_starts(self: Any, ref: Any, event: Any) -> None:
    assert type(event).__name__ != "ChildStarted"


async def _first_line(self: Any) -> None:
    assert self.lines


def _stuck(self: Any, config: Any, scope: Any, at: float) -> Tick:
    return Tick(at)


def _counting(self: Any, config: Any, scope: Any, at: float) -> Tick:
    _calls.append(at)
    return Tick(at + len(_calls))


def _jumping(self: Any, config: Any, scope: Any, at: float) -> Tick:
    return Tick(at + config.every)


def _returning(self: Any, config: Any, scope: Any, at: float) -> Tick | None:
    return None if at == 0 else Tick(at + 60)


_calls: list[float] = []


def _walking_on(self: Any, config: Any, scope: Any, after: float) -> Any:
    return (Tick(after + number) for number in (1.0, 2.0))


def _reading_all(text: str) -> Any:
    return {"every": len(text) or 1}


async def _gives_up(self: Any, scope: Any, config: Any, cursor: Any) -> AsyncIterator[Fire]:
    while not (scope.folder / config.file).parent.is_dir():
        await asyncio.sleep(0.02)
        raise FileNotFoundError(config.file)
    async for fire in zoo.Post.fires(self, scope, config, cursor):
        yield fire


async def _stubborn(self: Any, scope: Any, config: Any, cursor: Any) -> AsyncIterator[Fire]:
    for _ in range(2):
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            continue
    yield Fire(1.0, "late")


def _one_key(self: Any, number: int, line: str) -> Fire:
    return Fire(due=1.0, key="the same", cursor=number)


def _no_cursor(self: Any, number: int, line: str) -> Fire:
    return Fire(due=1.0, key=f"{number} {line}")


BROKEN: list[tuple[type[PartSuite], str, str, type[Any]]] = [
    (TestLatch, "guard", "test_it_lets_in", _holding(_refuses)),
    (TestLatch, "guard", "test_it_lets_go_after_a_success", _holding(_keeps)),
    (TestLatch, "guard", "test_it_lets_go_after_a_failure", _holding(_forgets_failures)),
    (TestLatch, "guard", "test_it_lets_go_when_its_step_is_stopped", _holding(_slow_to_let_go)),
    (TestLatch, "guard", "test_who_waits_can_be_stopped", _holding(_never_mind)),
    (TestLatch, "guard", "test_a_refusal_is_a_sentence", _holding(_breaks)),
    (TestLatch, "guard", "test_two_are_never_let_in_at_once", _holding(_lets_all_in)),
    (TestSlip, "notifier", "test_the_end_of_a_run_is_told", _a(zoo.Slip, notify=_says_nothing)),
    (TestSlip, "notifier", "test_secrets_are_not_told", _a(zoo.Slip, text=_tells_logs)),
    (TestSlip, "notifier", "test_nobody_at_home_changes_nothing", _a(zoo.Slip, notify=_leaves_a_task)),
    (TestDrawer, "provider", "test_the_value_is_found", _a(zoo.Drawer, resolve=_guesses)),
    (
        TestDrawer,
        "provider",
        "test_what_is_missing_is_an_error_with_a_message",
        _a(zoo.Drawer, resolve=_tells),
    ),
    (
        TestDrawer,
        "provider",
        "test_good_references_pass_the_check",
        _a(zoo.Drawer, check=lambda self, ref: "no"),
    ),
    (
        TestDrawer,
        "provider",
        "test_wrong_references_do_not_pass_the_check",
        _a(zoo.Drawer, check=lambda self, ref: ""),
    ),
    (TestDrawer, "provider", "test_the_check_looks_nothing_up", _a(zoo.Drawer, check=_reads)),
    (TestDrawer, "provider", "test_the_value_is_in_no_row_and_no_log", _a(zoo.Drawer, resolve=_keeps_a_copy)),
    (
        TestDrawer,
        "provider",
        "test_a_missing_secret_fails_the_run_before_its_first_step",
        _a(zoo.Drawer, resolve=_guesses),
    ),
    (TestDiary, "observer", "test_a_run_is_observed_in_order", _a(zoo.Diary, close=_backwards)),
    (TestDiary, "observer", "test_it_takes_every_kind_of_event", _a(zoo.Diary, observe=_only_starts)),
    (TestDiary, "observer", "test_it_may_be_closed_without_an_event", _a(zoo.Diary, close=_first_line)),
    (
        TestBell,
        "trigger",
        "test_its_entries_are_read",
        _a(zoo.Bell, read=classmethod(lambda cls, text: None)),
    ),
    (
        TestBell,
        "trigger",
        "test_each_instant_is_later_than_what_was_asked_for",
        _a(zoo.Bell, next_after=_stuck),
    ),
    (TestBell, "trigger", "test_the_same_question_has_the_same_answer", _a(zoo.Bell, next_after=_counting)),
    (TestBell, "trigger", "test_no_instant_is_jumped_over", _a(zoo.Bell, next_after=_jumping)),
    (TestBell, "trigger", "test_walking_tells_what_asking_tells", _a(zoo.Bell, ticks=_walking_on)),
    (TestBell, "trigger", "test_what_is_over_stays_over", _a(zoo.Bell, next_after=_returning)),
    (
        TestBell,
        "trigger",
        "test_a_text_that_is_none_is_left_or_refused",
        _a(zoo.Bell, read=staticmethod(_reading_all)),
    ),
    (
        TestPost,
        "trigger",
        "test_what_happens_is_fired_each_with_a_key_of_its_own",
        _a(zoo.Post, fire=_one_key),
    ),
    (
        TestPost,
        "trigger",
        "test_its_cursor_is_data_and_nothing_is_lost_or_repeated_after_a_restart",
        _a(zoo.Post, fire=_no_cursor),
    ),
    (TestPost, "trigger", "test_it_ends_when_it_is_cancelled", _a(zoo.Post, fires=_stubborn)),
    (TestPost, "trigger", "test_what_cannot_work_now_is_told_in_its_health", _a(zoo.Post, fires=_gives_up)),
]


@pytest.mark.parametrize("suite", [TestLatch, TestSlip, TestDrawer, TestDiary, TestBell, TestPost])
def test_every_test_has_a_toy_that_breaks_it(suite: type[PartSuite]) -> None:
    # What all parts share is broken by the toys of the suite for step types.
    own = {name for name in sentences(suite) if not hasattr(PartSuite, name)}
    assert {test for each, _, test, _ in BROKEN if each is suite} == own


@pytest.mark.parametrize(("suite", "kind", "test", "toy"), BROKEN)
def test_the_suite_notices(
    suite: type[PartSuite],
    kind: str,
    test: str,
    toy: type[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carry_out, "MARGIN", 0.1)
    monkeypatch.setenv("DIARY", str(tmp_path / "0" / "diary"))
    assert notices(type("Suite", (suite,), {kind: toy}), test, tmp_path)
