"""The attempts of a run, and its events as data and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dagu_core.app.timeline import attempts_of, event_row, event_shape
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    ChildRef,
    ChildStarted,
    Event,
    Noted,
    Outcome,
    RunEnded,
    RunRecovered,
    RunReset,
    RunStarted,
    StepSettled,
)
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus, StepStatus

AT = 1_900_000_000.25
FAILED, GOOD = RunEnded(AT + 2, RunStatus.FAILED), RunEnded(AT + 9, RunStatus.SUCCEEDED)


def summary(status: RunStatus) -> RunSummary:
    return RunSummary(RunRef("pair", "r1"), status)


def outline(events: Sequence[Event], status: RunStatus = RunStatus.SUCCEEDED) -> list[tuple[Any, ...]]:
    keys = ("attemptId", "statusLabel", "recovered", "steps")
    return [tuple(one.get(key) for key in keys) for one in attempts_of(events, summary(status))]


@pytest.mark.parametrize(
    ("events", "status", "attempts"),
    [
        ([], RunStatus.QUEUED, []),
        ([RunStarted(AT, "a1")], RunStatus.RUNNING, [("a1", "running", None, None)]),
        ([RunStarted(AT, "a1"), GOOD], RunStatus.SUCCEEDED, [("a1", "succeeded", None, None)]),
        (
            [RunStarted(AT, "a1"), FAILED, RunStarted(AT + 5, "a2"), RunReset(AT + 5, ("b",)), GOOD],
            RunStatus.SUCCEEDED,
            [("a1", "failed", None, None), ("a2", "succeeded", None, ["b"])],
        ),
        (
            [RunStarted(AT, "a1"), RunRecovered(AT + 1, "e2", 1), RunRecovered(AT + 2, "e3", 2), GOOD],
            RunStatus.SUCCEEDED,
            [("a1", "succeeded", 2, None)],
        ),
        (
            [RunStarted(AT, "a1"), FAILED, RunRecovered(AT + 3, "e2", 1), RunStarted(AT + 5, "a2")],
            RunStatus.WAITING,
            [("a1", "failed", None, None), ("a2", "waiting", 1, None)],
        ),
        ([RunEnded(AT, RunStatus.ABORTED)], RunStatus.ABORTED, []),
    ],
)
def test_attempts(events: list[Event], status: RunStatus, attempts: list[Any]) -> None:
    assert outline(events, status) == attempts


def test_an_attempt_has_its_times_and_the_number_of_its_status() -> None:
    (one,) = attempts_of([RunStarted(AT, "a1"), FAILED], summary(RunStatus.FAILED))
    assert one["startedAt"].startswith("2030-03-17T") and one["finishedAt"].startswith("2030-03-17T")
    assert one["status"] == 2


@pytest.mark.parametrize(
    ("event", "cells"),
    [
        (
            RunStarted(AT, "a1", (("A", "x y"),), "/log"),
            ("run started", "", 'attemptId=a1 params=[["A", "x y"]]'),
        ),
        (AttemptStarted(AT, "s", 2, "/out", "/err"), ("attempt started", "s", "number=2")),
        (
            AttemptEnded(AT, "s", 1, Outcome(7, 'it said "no"')),
            ("attempt ended", "s", 'number=1 exitCode=7 message="it said \\"no\\""'),
        ),
        (AttemptEnded(AT, "s", 1, Outcome()), ("attempt ended", "s", "number=1 status=succeeded exitCode=0")),
        (
            StepSettled(AT, "s", StepStatus.ABORTED, "upstream_failed", "a failed"),
            ("step settled", "s", 'status=aborted reason=upstream_failed detail="a failed"'),
        ),
        (Noted(AT, "D014", "old key", ""), ("noted", "", 'code=D014 message="old key"')),
        (GOOD, ("run ended", "", "status=succeeded")),
    ],
)
def test_an_event_as_a_line(event: Event, cells: tuple[str, ...]) -> None:
    number, at, *rest = event_row(3, event)
    assert number == "3" and at.startswith("2030-03-1") and ".250" in at
    assert tuple(rest) == cells


def test_an_event_as_data() -> None:
    shape = event_shape(7, ChildStarted(AT, "s", ChildRef("kid", "r2", "A=1")))
    assert (shape["seq"], shape["type"], shape["step"]) == (7, "child_started", "s")
    assert shape["child"] == {"dag": "kid", "runId": "r2", "params": "A=1"}
    ended = event_shape(8, AttemptEnded(AT, "s", 1, Outcome(status=StepStatus.PARTIALLY_SUCCEEDED)))
    assert ended["outcome"] == {"exitCode": 0, "ended": "exited", "status": "partially_succeeded"}
