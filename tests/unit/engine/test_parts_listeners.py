"""Observers and notifiers of plugins: off the write path, each on its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from dagu_core import Config, Event, Notice, Notifier, Observer, RunRef
from dagu_core.engine import fanout
from dagu_core.model.run.events import AttemptEnded, RunEnded, RunStarted
from tests.gotchas.lab import Ran
from tests.unit.engine.toys import Toys

TWO = """
    steps:
      - {name: a, command: "true"}
      - {name: b, command: "false"}
    """


def observer(work: Any, name: str = "eye", **more: Any) -> type[Observer]:
    """An observer that does this with each event."""

    async def observe(self: Observer, ref: RunRef, event: Event) -> None:
        await work(ref, event)

    space = {"name": name, "observe": observe, "__doc__": "A toy."}
    return type("ToyObserver", (Observer,), {**space, **more})


def stored(toys: Toys, ran: Ran) -> list[Event]:
    """The events of a run, as the store has them."""

    async def events(app: Any) -> list[Event]:
        return [event for _, event in await app.store.events(ran.view.summary.ref)]

    found: list[Event] = toys.use(events)
    return found


def test_an_observer_gets_every_committed_event_in_order(toys: Toys) -> None:
    seen: list[Any] = []

    async def keep(ref: RunRef, event: Event) -> None:
        seen.append(event)

    async def opened(self: Observer) -> None:
        seen.append("open")

    async def closed(self: Observer) -> None:
        seen.append("close")

    toys.give(observer(keep, aliases=("eyes",), open=opened, close=closed))
    ran = toys.run(TWO)
    assert seen[0] == "open" and seen[-1] == "close"
    assert seen[1:-1] == stored(toys, ran)
    assert isinstance(seen[1], RunStarted) and isinstance(seen[-2], RunEnded)


async def raises(ref: RunRef, event: Event) -> None:
    raise KeyError("trouble")


async def exits(ref: RunRef, event: Event) -> None:
    raise SystemExit(1)


async def cancels(ref: RunRef, event: Event) -> None:
    raise asyncio.CancelledError


async def hangs(ref: RunRef, event: Event) -> None:
    await asyncio.Event().wait()


async def ignores_cancel(ref: RunRef, event: Event) -> None:
    for _ in range(20 if isinstance(event, RunStarted) else 0):
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            continue


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (raises, "observer bad: KeyError: 'trouble'"),
        (exits, "observer bad: SystemExit: 1"),
        (cancels, "observer bad: cancelled itself"),
        (hangs, "observer bad: took longer than 0.3 s"),
        (ignores_cancel, "observer bad: gave up after 0.3 s"),
    ],
)
def test_a_bad_observer_changes_nothing_and_holds_nobody_up(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], work: Any, told: str
) -> None:
    monkeypatch.setattr(fanout, "PATIENCE", 0.3)
    good: list[Event] = []

    async def keep(ref: RunRef, event: Event) -> None:
        good.append(event)

    toys.give(observer(keep, "good"), observer(work, "bad"))
    started = time.monotonic()
    ran = toys.run(TWO)
    spent = time.monotonic() - started
    assert ran.statuses == {"a": "succeeded", "b": "failed"}
    assert good == stored(toys, ran)
    summary = ran.view.summary
    assert summary.finished_at is not None and summary.started_at is not None
    # The commands themselves take some milliseconds; the lane may hold up the end by its bound only.
    assert summary.finished_at - summary.started_at < 5
    assert spent < 15
    assert capfd.readouterr().err.count(told) == 1


def test_an_observer_that_cannot_be_made_is_told_and_left_out(
    toys: Toys, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(self: Observer) -> None:
        raise OSError("no socket")

    toys.give(observer(raises, "bad", __init__=broken))
    assert toys.run(TWO).of("a") == "succeeded"
    assert "observer bad: OSError: no socket" in capfd.readouterr().err


def test_what_a_slow_observer_cannot_take_is_dropped_and_counted(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fanout, "BACKLOG", 2)
    monkeypatch.setattr(fanout, "PATIENCE", 0.5)
    toys.give(observer(hangs, "slow"))
    ran = toys.run(TWO)
    err = capfd.readouterr().err
    assert ran.of("b") == "failed"
    dropped = int(err.partition("too slow: ")[2].split()[0])
    assert 0 < dropped < len(stored(toys, ran))


class PagerConfig(Config):
    """Whom a pager calls."""

    to: str = Field(description="The number.")
    level: int = Field(1, description="How loud.")


def pager(calls: list[Any], trouble: Exception | None = None) -> type[Notifier]:
    """A notifier that keeps what it was told."""

    class Pager(Notifier):
        """Calls somebody."""

        name = "pager"
        Config = PagerConfig

        async def notify(self, config: PagerConfig, notice: Notice) -> None:  # type: ignore[override]
            calls.append((config, notice, notice.run.summary.status.label))
            if trouble:
                raise trouble

    return Pager


def test_a_notifier_is_told_of_the_runs_that_ask_for_it(toys: Toys) -> None:
    calls: list[Any] = []
    toys.give(pager(calls))
    toys.run(TWO)
    assert calls == []
    ran = toys.run("""
        params: {N: 110}
        pager: {to: "+${N}", level: "${N}"}
        steps: [{name: a, command: "false"}]
        """)
    assert [notice.event for _, notice, _ in calls] == stored(toys, ran)
    assert {(config.to, config.level) for config, _, _ in calls} == {("+110", 110)}
    _, first, status = calls[0]
    assert isinstance(first.event, RunStarted) and status == "running"
    _, last, status = calls[-1]
    assert isinstance(last.event, RunEnded) and status == "failed"
    assert last.run.steps["a"].exit_code == 1 and list(last.run.steps) == ["a"]
    assert last.dag_fields["pager"].level == 110


def test_notices_hold_no_secret_and_errors_of_notifiers_neither(
    toys: Toys, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    toys.environ["SOURCE"] = "swordfish-0042"
    toys.give(pager(calls, ConnectionError("cannot log in with swordfish-0042")))
    ran = toys.run("""
        secrets: [{name: TOKEN, provider: env, key: SOURCE}]
        pager: {to: "${TOKEN}"}
        steps: [{name: a, command: "echo $TOKEN; echo $TOKEN >&2; exit 1", output: OUT}]
        """)
    assert ran.status == "failed"
    assert calls[0][0].to == "swordfish-0042"  # whoever sends must know it
    ends = [notice.event for _, notice, _ in calls if isinstance(notice.event, AttemptEnded)]
    assert len(ends) == 1 and "swordfish" not in repr(ends)
    assert "swordfish" not in repr(dict(calls[-1][1].run.steps))
    err = capfd.readouterr().err
    assert "notifier pager: ConnectionError: cannot log in with" in err and "swordfish" not in err


def test_a_notifier_with_wrong_values_is_a_note_and_no_failure(toys: Toys) -> None:
    calls: list[Any] = []
    toys.give(pager(calls))
    ran = toys.run("""
        params: {N: loud}
        pager: {to: me, level: "${N}"}
        steps: [{name: a, command: "true"}]
        """)
    assert ran.status == "succeeded" and calls == []
    notes = [event for event in stored(toys, ran) if getattr(event, "code", "") == "notifier.invalid"]
    assert len(notes) == 1 and "pager.level" in repr(notes[0])


def test_what_a_notifier_could_not_tell_is_noted_once_in_the_run(toys: Toys) -> None:
    toys.give(pager([], ConnectionError("no line")))
    ran = toys.run("""
        pager: {to: me}
        steps: ["true", "true"]
        """)
    notes = [event for event in stored(toys, ran) if getattr(event, "code", "") == "notifier.failed"]
    assert [note.message for note in notes] == ["notifier pager: ConnectionError: no line"]  # type: ignore[union-attr]
    assert ran.status == "succeeded"


def test_after_the_end_it_is_noted_in_the_log_of_the_run(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "PATIENCE", 0.3)

    class Last(Notifier):
        """Calls at the end."""

        name = "pager"
        Config = PagerConfig

        async def notify(self, config: Config, notice: Notice) -> None:
            if isinstance(notice.event, RunEnded):
                await asyncio.Event().wait()

    toys.give(Last)
    ran = toys.run("""
        pager: {to: me}
        steps: ["true"]
        """)
    assert ran.status == "succeeded" and isinstance(stored(toys, ran)[-1], RunEnded)
    *_, last = Path(ran.view.summary.log).read_text().splitlines()
    assert "notifier pager: " in last and "code=notifier.failed" in last


def test_sub_dag_runs_tell_their_own_notifiers(toys: Toys) -> None:
    calls: list[Any] = []
    toys.give(pager(calls))
    ran = toys.run("""
        steps: [{name: a, call: below}]
        ---
        name: below
        pager: {to: me}
        steps: ["true"]
        """)
    assert ran.status == "succeeded"
    assert {notice.run.summary.ref.dag for _, notice, _ in calls} == {"below"}
    assert isinstance(calls[-1][1].event, RunEnded)
