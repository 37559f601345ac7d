"""What a part of a plugin does wrong stays with it: its step, or nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dagu_core import (
    Attempt,
    Config,
    DaguError,
    Event,
    Executor,
    Guard,
    NoConfig,
    Notice,
    Notifier,
    Observer,
    Outcome,
    RunRef,
    WorkerExecutor,
    hookimpl,
)
from dagu_core.engine import fanout, watchdog
from dagu_core.model.run.events import Noted
from tests.gotchas.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work")


class Wild(Executor[NoConfig]):
    """Does what its command says, all of it wrong."""

    name = "wild"
    Config = NoConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        match attempt.commands[0]:
            case "raise":
                raise RuntimeError("oh no")
            case "dagu":
                raise DaguError("known trouble", hint="do it otherwise")
            case "wait":
                await asyncio.sleep(1)
                return Outcome()
            case "block":
                time.sleep(1.5)
                return Outcome()
            case kind if kind in NONSENSE:
                return Outcome(**NONSENSE[kind])
            case _:
                return "nonsense"  # type: ignore[return-value]


class Shut(Guard):
    """Never lets anybody in."""

    name = "shut"

    def hold(self, config: Config, attempt: Attempt[Any]) -> Any:
        raise DaguError("nobody comes in")


NONSENSE: dict[str, dict[str, Any]] = {
    "an object in the details": {"details": {"x": object()}},
    "a path in the details": {"details": {"file": Path("somewhere")}},
    "a text that is no Unicode": {"message": "\udce9"},
    "warnings that are a number": {"warnings": 5},
    "a message that is a number": {"exit_code": 1, "message": 5},
    "a code that is a text": {"exit_code": "x"},
    "a code that is a fraction": {"exit_code": 1.5},
    "a code beyond all numbers": {"exit_code": 1 << 80},
    "an end nobody knows": {"ended": "foo"},
    "a status nobody knows": {"status": "splendid"},
}


@pytest.mark.parametrize(
    ("command", "told"),
    [("raise", "RuntimeError: oh no"), ("dagu", "known trouble"), ("other", "returned str, not an Outcome")],
)
def test_X09_a_wild_executor_ends_its_step_and_nothing_else(lab: Lab, command: str, told: str) -> None:
    lab.plugin(dagu_register_executors=hookimpl(lambda: [Wild], specname="dagu_register_executors"))
    ran = lab.run(f"""
        type: graph
        steps:
          - {{name: w, type: wild, command: {command}, continueOn: failed}}
          - {{name: ok, command: echo fine}}
        """)
    assert ran.statuses == {"w": "failed", "ok": "succeeded"}
    assert told in ran.step("w").error
    assert ran.out("ok") == "fine\n"


@pytest.mark.parametrize("kind", NONSENSE)
def test_X09_an_outcome_that_cannot_be_stored_fails_its_step(lab: Lab, kind: str) -> None:
    lab.plugin(dagu_register_executors=hookimpl(lambda: [Wild], specname="dagu_register_executors"))
    ran = lab.run(f"""
        type: graph
        steps:
          - {{name: w, type: wild, command: {kind}, continueOn: failed}}
          - {{name: ok, command: echo fine, depends: w}}
        handlerOn: {{exit: {{command: touch bye}}}}
        """)
    assert ran.statuses == {"w": "failed", "ok": "succeeded"}
    assert "executor wild returned an Outcome that cannot be stored" in ran.step("w").error
    assert (lab.work / "bye").exists()


def test_X09_an_executor_that_blocks_the_engine_is_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert watchdog.LIMIT == 5.0
    monkeypatch.setattr(watchdog, "LIMIT", 0.4)
    monkeypatch.setattr(watchdog, "BEAT", 0.1)
    lab.plugin(dagu_register_executors=hookimpl(lambda: [Wild], specname="dagu_register_executors"))
    notes: list[Noted] = []

    class Hears(Observer):
        """Keeps the notes."""

        name = "hears"

        async def observe(self, ref: RunRef, event: Event) -> None:
            if isinstance(event, Noted):
                notes.append(event)

    lab.plugin(dagu_register_observers=hookimpl(lambda: [Hears], specname="dagu_register_observers"))
    ran = lab.run("steps: [{name: w, type: wild, command: block}]")
    assert ran.status == "succeeded"
    told = capfd.readouterr().err
    assert told.count("executor wild of step w keeps the engine from working, in ") == 1
    assert Path(__file__).name in told
    (noted,) = [note for note in notes if note.code == "engine.blocked"]
    assert "executor wild of step w kept the engine from working for" in noted.message
    assert not [one for one in threading.enumerate() if one.name == "watchdog" and one.is_alive()]


def test_an_executor_that_waits_as_it_should_is_not_told_of(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watchdog, "LIMIT", 0.4)
    monkeypatch.setattr(watchdog, "BEAT", 0.1)
    lab.plugin(dagu_register_executors=hookimpl(lambda: [Wild], specname="dagu_register_executors"))
    assert lab.run("steps: [{name: w, type: wild, command: wait}]").status == "succeeded"
    assert "keeps the engine" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("function", "given", "code"), [("os:_exit", 7, 7), ("ctypes:string_at", 0, 139), ("time:sleep", 60, 124)]
)
def test_X09_work_in_a_process_of_its_own_cannot_hold_up_or_end_the_engine(
    lab: Lab, function: str, given: int, code: int
) -> None:
    class Worker(WorkerExecutor[NoConfig]):
        """Does one function of Python's library."""

        name = "worker"
        Config = NoConfig
        work = function

        async def request(self, attempt: Attempt[NoConfig]) -> int:
            return given

    lab.plugin(dagu_register_executors=hookimpl(lambda: [Worker], specname="dagu_register_executors"))
    ran = lab.run("""
        type: graph
        steps:
          - {name: w, type: worker, timeoutSec: 2, continueOn: failed}
          - {name: ok, command: echo fine}
        """)
    assert ran.statuses == {"w": "failed", "ok": "succeeded"}
    assert ran.step("w").exit_code == code


def test_a_guard_that_refuses_fails_its_attempt(lab: Lab) -> None:
    lab.plugin(dagu_register_guards=hookimpl(lambda: [Shut], specname="dagu_register_guards"))
    ran = lab.run(
        "steps: [{name: s, command: touch ran, shut: {}, continueOn: failed}, {name: t, command: 'true'}]"
    )
    assert ran.statuses == {"s": "failed", "t": "succeeded"}
    assert "nobody comes in" in ran.step("s").error
    assert not (lab.work / "ran").exists()


class Grumpy(Observer):
    """Fails at every event."""

    name = "grumpy"

    async def observe(self, ref: RunRef, event: Event) -> None:
        raise RuntimeError("leave me alone")


class Asleep(Notifier):
    """Never comes back."""

    name = "asleep"

    async def notify(self, config: Config, notice: Notice) -> None:
        await asyncio.Event().wait()


def test_X10_listeners_change_nothing_and_are_told_once(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.plugin(dagu_register_observers=hookimpl(lambda: [Grumpy], specname="dagu_register_observers"))
    assert lab.run("steps: ['true', 'true']").status == "succeeded"
    assert capfd.readouterr().err.count("leave me alone") == 1


def test_X07_a_listener_that_hangs_delays_the_end_by_its_bound(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert fanout.PATIENCE == 30.0
    monkeypatch.setattr(fanout, "PATIENCE", 0.3)
    lab.plugin(dagu_register_notifiers=hookimpl(lambda: [Asleep], specname="dagu_register_notifiers"))
    ran = lab.run("asleep: {}\nsteps: ['true']")
    assert ran.status == "succeeded"
    assert "notifier asleep: " in capfd.readouterr().err
