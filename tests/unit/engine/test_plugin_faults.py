"""What a part of a plugin does wrong stays with it: its step, or nobody."""

from __future__ import annotations

import asyncio
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
    hookimpl,
)
from dagu_core.engine import fanout
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
            case _:
                return "nonsense"  # type: ignore[return-value]


class Shut(Guard):
    """Never lets anybody in."""

    name = "shut"

    def hold(self, config: Config, attempt: Attempt[Any]) -> Any:
        raise DaguError("nobody comes in")


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
