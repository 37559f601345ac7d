"""A crash at every point between a fire, its record, the claim, the start and the answer: once each."""

from __future__ import annotations

import os
import signal
import time

import pytest

from dagu_core.base.failpoints import POINTS
from dagu_core.model.status import RunStatus
from tests.faults.chaos import SLOW, Home, within
from tests.faults.test_pool import ONE, begin_pool, check_each_once, ended, enqueue, pool, runners_of
from tests.faults.test_scheduler_leaders import QUIET, dag

pytestmark = pytest.mark.timeout(240)

RECORDING = ("store.create.before", "store.create.after")
TAKING_OVER = ("adopt.before", "adopt.after")
CARRYING_OUT = tuple(point for point in POINTS if point not in (*RECORDING, *TAKING_OVER))
#: more than any point is passed with one run of one step
_MOST_HITS = 12


def crashed(home: Home, runs: int, point: str) -> bool:
    """Let a runner work until it dies at the point, or the runs are over; whether it died. What lives
    of it is killed but the steps, which go on, and their supervisors."""
    begun = said(home)
    worker = begin_pool(home, runners=1, DAGU_FAILPOINTS=point)

    within(20, lambda: said(home) > begun or ended(home, runs))
    # Dying takes a moment, also for one that has just recorded the end.
    until = time.monotonic() + SLOW
    while said(home) == begun and time.monotonic() < until:
        time.sleep(0.02)
    for pid in [worker.pid, *runners_of(home)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    worker.wait()
    return said(home) > begun


def said(home: Home) -> int:
    """How many runners have died."""
    told = home.root / "said"
    return told.exists() and told.read_text().count(f"ended with {-signal.SIGKILL}")


def check_begun_at_most_once(home: Home) -> None:
    """Each run has begun once, or has not, and is there to be carried out."""
    begun = [entry.run for entry in home.ledger.entries() if entry.what == "start"]
    assert len(set(begun)) == len(begun)
    alive = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.SUCCEEDED)
    assert all(run.status in alive for run in home.runs())
    assert all(run.ref.run_id in begun for run in home.runs() if run.status is RunStatus.SUCCEEDED)


@pytest.mark.parametrize("point", CARRYING_OUT)
def test_P17_a_runner_that_dies_at_any_point_between_claim_and_end(home: Home, point: str) -> None:
    """At each time the point is passed, one after another, until it is passed no more."""
    dag = home.write("one", ONE)
    passed = 0
    for hit in range(1, _MOST_HITS):
        enqueue(home, dag, 1, first=hit - 1)
        died = crashed(home, hit, f"{point}=kill9@{hit}")
        check_begun_at_most_once(home)
        with pool(home, runners=1):
            within(20, lambda count=hit: ended(home, count))  # type: ignore[misc]
        check_each_once(home, hit)
        passed += died
        if not died:
            break
    assert 0 < passed < _MOST_HITS - 1


@pytest.mark.parametrize("point", TAKING_OVER)
def test_P17_a_runner_that_dies_while_it_takes_over(home: Home, point: str) -> None:
    dag = home.write("one", ONE)
    enqueue(home, dag, 1)
    assert crashed(home, 1, "attempt.started=kill9@1")
    assert crashed(home, 1, f"{point}=kill9@1")
    check_begun_at_most_once(home)
    with pool(home, runners=1):
        within(20, lambda: ended(home, 1))
    check_each_once(home, 1)


@pytest.mark.parametrize("point", RECORDING)
def test_P17_whoever_enqueues_dies_before_or_after_the_record(home: Home, point: str) -> None:
    """Without an answer one asks again with the same id: the run is there, or is made now."""
    dag = home.write("one", ONE)
    words = ("enqueue", "--run-id=r0", dag)
    assert home.cli(*words, env={"DAGU_FAILPOINTS": f"{point}=kill9"}).code == -signal.SIGKILL
    recorded = point.endswith("after")
    assert [run.status for run in home.runs()] == [RunStatus.QUEUED] * recorded
    assert home.cli(*words).code == (4 if recorded else 0)
    with pool(home, runners=1):
        within(20, lambda: ended(home, 1))
    check_each_once(home, 1)


@pytest.mark.parametrize("point", RECORDING)
def test_P17_a_scheduler_that_dies_before_or_after_the_record(home: Home, point: str) -> None:
    dag(home, "minutely", f'schedule: "* * * * *"\n{ONE}')
    assert home.cli("scheduler", "--once", "--now", "2026-03-02T12:00:30Z", env=QUIET).code == 0
    words = ("scheduler", "--once", "--now", "2026-03-02T12:01:00Z")
    assert home.cli(*words, env={**QUIET, "DAGU_FAILPOINTS": f"{point}=kill9"}).code == -signal.SIGKILL
    assert len(home.runs()) == point.endswith("after")
    assert home.cli(*words, env=QUIET).code == 0
    assert [run.ref.run_id for run in home.runs()] == ["sched-20260302T120100Z"]
    with pool(home, runners=1):
        within(20, lambda: ended(home, 1))
    check_each_once(home, 1)
