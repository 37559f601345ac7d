"""Runs at hand for the tests of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus

START = 1_900_000_000.0


@dataclass
class View:
    """Stands for the app's view of a run."""

    plan: Plan
    summary: RunSummary
    steps: list[StepRun]
    alive: bool = True
    lost_at: float | None = None
    exit_code: int = 0
    shape: Mapping[str, Any] = field(default_factory=dict)

    def details(self, show: object = None) -> dict[str, Any]:
        return {"dagRunId": self.summary.ref.run_id, **self.shape}

    def brief(self) -> dict[str, Any]:
        return {"dagRunId": self.summary.ref.run_id}


def view(
    *steps: tuple[PlannedStep, StepRun],
    status: RunStatus = RunStatus.SUCCEEDED,
    started: float | None = START,
    finished: float | None = START,
    **more: Any,
) -> Any:
    """A run of DAG `pair` with these steps, as a `View`."""
    nodes = tuple(step for step, _ in steps)
    summary = RunSummary(
        RunRef("pair", "r1"), status, started_at=started, finished_at=finished, created_at=START, **more
    )
    return View(Plan("pair", nodes, len(nodes)), summary, [state for _, state in steps])


def step(name: str, *commands: str, **state: Any) -> tuple[PlannedStep, StepRun]:
    """A step with its state; times are seconds after the start of the run."""
    for key in ("started_at", "finished_at"):
        if key in state:
            state[key] += START
    return PlannedStep(0, name, commands=commands), StepRun(**state)
