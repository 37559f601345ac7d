"""The window on a run's steps that a terminal shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dagu_core.app.views import RunView
from dagu_core.cli.board import Board
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run import reasons
from dagu_core.model.run.events import AttemptEnded, AttemptStarted, Outcome, RunStarted
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START


class Counted(list[StepRun]):
    """Counts how often a step is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[StepRun]:
        self.looks += len(self)
        return super().__iter__()


def board(count: int, *handlers: HandlerKind) -> tuple[Board, RunView]:
    """A board of a run that begins now, and what it looks at."""
    nodes = [PlannedStep(index, f"s{index}") for index in range(count)]
    nodes += [PlannedStep(count + index, kind.value, handler=kind) for index, kind in enumerate(handlers)]
    summary = RunSummary(RunRef("wide", "r1"), RunStatus.RUNNING, started_at=START)
    view = RunView(Plan("wide", tuple(nodes), count), summary, Counted(StepRun() for _ in nodes))
    return Board(view), view


def put(board: Board, view: RunView, index: int, status: StepStatus, **state: Any) -> None:
    """Let a step stand so, and tell the board."""
    step = view.steps[index]
    step.status = status
    for name, value in {"started_at": START, **state}.items():
        setattr(step, name, value)
    name = view.plan.nodes[index].name
    over = status.is_over
    board.tell(view, AttemptEnded(START, name, 1, Outcome()) if over else AttemptStarted(START, name, 1))


def texts(board: Board, rows: int = 24, after: float = 2.0) -> list[str]:
    return [line.text for line in board.lines(START + after, rows)]


def test_a_short_run_shows_every_step_in_file_order() -> None:
    shown, view = board(4)
    put(shown, view, 2, StepStatus.RUNNING)
    put(shown, view, 0, StepStatus.SUCCEEDED, finished_at=START + 1.5)
    put(
        shown,
        view,
        1,
        StepStatus.FAILED,
        finished_at=START,
        error='failed to execute step "s1": exit status 7',
    )
    lines = texts(shown)
    assert lines[0] == "├─✓ s0 (1.5s)"
    assert lines[1] == "├─✗ s1 (0s)  exit status 7"
    assert lines[2].endswith(" s2 (2.0s)")
    assert lines[3:] == ["└─· s3", "50% (2/4 steps) 00:02"]


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        (
            StepStatus.RETRYING,
            {"wake_at": START + 5, "error": "no answer\nlong"},
            "↻ s0  again in 00:03: no answer",
        ),
        (StepStatus.RUNNING, {"wake_at": START + 4, "reason": reasons.REPEAT_WAIT}, "repetition"),
        (StepStatus.RUNNING, {"attempts": 3}, "attempt 3"),
        (StepStatus.RUNNING, {"stopping": True}, "stopping"),
        (StepStatus.RUNNING, {"children": [1, 2]}, "2 sub-DAG runs"),
        (StepStatus.SKIPPED, {"reason": reasons.PRECONDITION_UNMET}, "- s0  a precondition was not met"),
        (StepStatus.ABORTED, {"reason": reasons.UPSTREAM_FAILED}, "■ s0  a step it depends on failed"),
        (StepStatus.FAILED, {"error": "bad \x1b[2J"}, "bad [2J"),
    ],
)
def test_a_step_says_what_it_waits_for_or_why_it_ended_so(
    status: StepStatus, state: dict[str, Any], told: str
) -> None:
    shown, view = board(1)
    put(shown, view, 0, status, **state)
    assert told in texts(shown)[0]


def test_a_long_run_shows_what_matters_and_counts_the_rest() -> None:
    shown, view = board(10_000)
    put(shown, view, 5, StepStatus.FAILED)
    for index in range(100, 180):
        put(shown, view, index, StepStatus.SUCCEEDED)
    put(shown, view, 9_000, StepStatus.RUNNING)
    put(shown, view, 8_000, StepStatus.RETRYING)
    lines = texts(shown, rows=10)
    assert len(lines) == 10
    names = [line.split()[1] for line in lines[:8]]
    assert names == ["s5", "s175", "s176", "s177", "s178", "s179", "s8000", "s9000"]
    assert lines[8] == "└─… 9,992 more: 75 succeeded, 9,917 not started"
    assert lines[9] == "0% (81/10000 steps) 00:02"


def test_running_steps_do_not_push_a_failure_out() -> None:
    shown, view = board(1_000)
    put(shown, view, 500, StepStatus.FAILED)
    for index in range(100):
        put(shown, view, index, StepStatus.RUNNING)
    assert any("✗ s500" in line for line in texts(shown, rows=12))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_low_terminal_keeps_the_progress(rows: int) -> None:
    shown, _ = board(100)
    lines = texts(shown, rows=rows)
    assert len(lines) <= rows and lines[-1] == "0% (0/100 steps) 00:02"


def test_a_frame_and_an_event_cost_what_is_shown_not_what_there_is() -> None:
    shown, view = board(10_000)
    steps = view.steps
    assert isinstance(steps, Counted)
    for index in range(5_000):
        put(shown, view, index, StepStatus.SUCCEEDED)
    steps.looks = 0
    texts(shown, rows=24)
    assert steps.looks < 100
    steps.looks = 0
    put(shown, view, 6_000, StepStatus.RUNNING)
    assert steps.looks < 5


def test_handlers_are_shown_when_they_run_and_do_not_count() -> None:
    shown, view = board(1, HandlerKind.EXIT)
    assert len(texts(shown)) == 2
    put(shown, view, 0, StepStatus.SUCCEEDED)
    put(shown, view, 1, StepStatus.RUNNING)
    lines = texts(shown)
    assert HandlerKind.EXIT.value in lines[1]
    assert lines[2] == "100% (1/1 steps) 00:02"


def test_a_retry_counts_afresh() -> None:
    shown, view = board(2)
    put(shown, view, 0, StepStatus.FAILED)
    view.steps[0].status = StepStatus.NOT_STARTED
    shown.tell(view, RunStarted(START, "a2"))
    assert shown.progress == (0, 2)
    assert texts(shown)[0] == "├─· s0"
