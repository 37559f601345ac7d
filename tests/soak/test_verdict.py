"""The judge of a soak finds what it is there to find."""

from __future__ import annotations

import pytest

from dagu_core.contracts.store import StoredRun
from dagu_core.model.run.events import Event, Noted, RunRecovered
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus, StepStatus
from tests.faults.chaos import Entry
from tests.soak import verdict

KIND = verdict.Kind(("a", "b"), frozenset("b"))
REF = RunRef("work", "w1")
WELL = RunSummary(REF, RunStatus.SUCCEEDED)


def marks(text: str) -> list[Entry]:
    """`a( a) b(` -> what the steps wrote, one after the other."""
    words = {"(": "start", ")": "end"}
    return [Entry("w1", mark[0], 1, words[mark[1]], at) for at, mark in enumerate(text.split(), 1)]


def failed(error: str = "", **steps: str) -> StoredRun:
    made = {name: StepRun(StepStatus.FAILED, error=told) for name, told in steps.items()}
    return StoredRun(RunSummary(REF, RunStatus.FAILED, error=error), made)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a( a) b( b)", True),
        ("a( a) b( b( b)", True),
        ("a( a) b( b) b( b)", True),
        ("a( a) b(", False),
        ("a( a)", False),
        ("a( a( a) b( b)", False),
        ("a( b( b) a)", False),
        ("", False),
    ],
)
def test_a_run_that_succeeded_did_all_of_it_in_order(text: str, holds: bool) -> None:
    assert bool(verdict.of_the_well(KIND, [WELL], marks(text))) is not holds


@pytest.mark.parametrize(
    ("run", "text", "holds"),
    [
        (failed(a="lost: its process is gone"), "a(", True),
        (failed(a="lost: its process is gone"), "a( b(", False),
        (failed(a="exit status 1"), "a(", False),
        (failed(b="lost: gone", a="exit status 1"), "a( a) b(", False),
        (failed("recovery limit reached: its engine died too often"), "a(", True),
        (failed("cannot use /logs"), "", False),
    ],
)
def test_a_run_that_failed_has_lost_something(run: StoredRun, text: str, holds: bool) -> None:
    assert bool(verdict.of_the_failed(KIND, [run], marks(text))) is not holds


def test_the_time_until_a_run_has_a_process_again() -> None:
    events: list[Event] = [
        Noted(10.0, "x", ""),
        RunRecovered(12.5, "e2", 1),
        Noted(13.0, "x", ""),
        RunRecovered(40.0, "e3", 2),
    ]
    assert verdict.recoveries([events], []) == [2.5, 27.0]
    assert verdict.recoveries([events], [(20.0, 35.0)]) == [2.5]
    assert (
        verdict.of_recoveries([2.5, 27.0]) != [] == verdict.of_recoveries([2.5]) == verdict.of_recoveries([])
    )


def test_what_grows_is_told() -> None:
    assert verdict.of_memory({"a runner": [50.0, 51.0, 52.0, 53.0], "new": [1.0], "small": [3.0, 4.0]}) == []
    assert verdict.of_memory({"a runner": [50.0, 51.0, 58.0, 60.0]}) == ["a runner grew from 50 to 59 MiB"]


def test_runs_at_once() -> None:
    two = [Entry(run, "a", 1, what, at) for run, what, at in (("w1", "start", 1000), ("w2", "start", 3000))]
    assert verdict.most_at_once(two, []) == 2
    assert verdict.most_at_once(two, [RunSummary(REF, finished_at=2e-6)]) == 1
