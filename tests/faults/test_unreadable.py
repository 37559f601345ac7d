"""Runs whose definition nobody can read any more, as if a plugin had been uninstalled: they end."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from dagu_core.model.status import RunStatus
from tests.faults.chaos import Home, kill, kill_everything, within
from tests.faults.test_pool import ONE, begin_pool, ended, enqueue, pool, runners_of

pytestmark = pytest.mark.timeout(120)

WAITING = "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; mark end"


def spoil(home: Home) -> None:
    """Make every definition one that needs a step type nobody has."""
    body = '{"text": "steps: [{type: nothing}]", "path": "", "document": 0, "base": ""}'
    with contextlib.closing(sqlite3.connect(home.path / "data" / "dagu.db")) as database, database:
        database.execute("UPDATE definitions SET body = ?", (body,))


def die(home: Home, count: int = 1) -> None:
    """A queued run is at work and its runner dies; then nobody can read it."""
    dag = home.write("lost", f"queue: q\nsteps: [{{name: a, command: '{WAITING}'}}, {{name: b, command: x}}]")
    worker = begin_pool(home, runners=1, limit=1)
    enqueue(home, dag, count)
    within(10, home.ledger.steps)
    for pid in [worker.pid, *runners_of(home)]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    spoil(home)


@pytest.mark.parametrize("queue", ["queue: q\n", ""], ids=["of the settings", "of the DAG"])
def test_one_that_waits_ends_with_the_reason_when_it_is_its_turn(home: Home, queue: str) -> None:
    enqueue(home, home.write("one", f"{queue}steps: [{{name: a, command: mark start}}]"), 1)
    spoil(home)
    with pool(home, runners=1):
        within(10, lambda: ended(home, 1))
    summary = home.stored("one", "r0").summary
    assert summary.status is RunStatus.FAILED and "nothing" in summary.error


def test_a_dead_one_is_ended_with_the_reason_and_told_once(home: Home) -> None:
    process = home.begin("start", "--run-id=r", home.write("lost", "steps: ['mark start; sleep 60', b]"))
    within(10, home.ledger.steps)
    kill_everything(home)
    process.wait()
    spoil(home)
    enqueue(home, home.write("one", ONE), 1)
    with pool(home, runners=1):
        within(10, lambda: ended(home, 2))
    stored = home.stored("lost")
    assert stored.summary.status is RunStatus.FAILED and "nothing" in stored.summary.error
    assert [step.status.label for step in stored.steps.values()][:1] == ["failed"]
    assert home.status("one", "r0") == "succeeded"
    assert (home.root / "said").read_text().count("run lost:r: ") == 1
    assert not list((home.path / "data" / "work").glob("lost.*"))


def test_what_a_step_does_goes_on_to_its_end_and_then_the_slot_is_free(home: Home) -> None:
    die(home)
    enqueue(home, home.write("one", ONE), 1, first=1)
    with pool(home, runners=1, limit=1):
        within(10, lambda: home.stored("lost", "r0").summary.engine.startswith("e"))
        time.sleep(1)
        assert (home.status("lost", "r0"), home.status("one", "r1")) == ("running", "queued")
        (home.root / "go").touch()
        within(10, lambda: ended(home, 2))
    assert (home.status("lost", "r0"), home.status("one", "r1")) == ("failed", "succeeded")
    assert home.ledger.steps("end") == ["a", "a"]


@pytest.mark.parametrize("hosted", [True, False])
def test_it_can_be_stopped_with_what_its_steps_do(home: Home, hosted: bool) -> None:
    die(home)
    with pool(home, runners=1, limit=1) if hosted else contextlib.nullcontext():
        if hosted:
            dead = home.stored("lost", "r0").summary.fence
            within(10, lambda: home.stored("lost", "r0").summary.fence > dead)
        assert home.cli("stop", "--run-id=r0", "lost").code == 0
        within(10, lambda: ended(home, 1))
    assert home.status("lost", "r0") == "aborted"
    assert home.ledger.steps("end") == [] and not (home.root / "go").exists()


def test_a_runner_that_waits_for_its_steps_is_stopped_and_the_next_one_goes_on(home: Home) -> None:
    die(home)
    with pool(home, runners=1, limit=1):
        dead = home.stored("lost", "r0").summary.fence
        within(10, lambda: home.stored("lost", "r0").summary.fence > dead or None)
    assert home.status("lost", "r0") == "running"
    (home.root / "go").touch()
    with pool(home, runners=1, limit=1):
        within(10, lambda: ended(home, 1))
    assert home.ledger.steps("end") == ["a"]


def test_its_sub_dag_runs_end_too(home: Home) -> None:
    child = f"name: child\nsteps: [{{name: c, command: '{WAITING}'}}]"
    process = home.begin("start", "--run-id=r", home.write("lost", f"steps: [{{call: child}}]\n---\n{child}"))
    within(10, home.ledger.steps)
    kill(process)
    spoil(home)
    with pool(home, runners=1):
        within(20, lambda: ended(home, 2))
    assert {run.status for run in home.runs()} == {RunStatus.FAILED, RunStatus.ABORTED}
    assert home.ledger.steps("end") == [] and isinstance(home.root, Path)
