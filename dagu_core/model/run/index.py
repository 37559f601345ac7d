"""The index a run keeps over its steps, built once when a run is made or loaded."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from heapq import heapify
from typing import Any

from msgspec import to_builtins

from dagu_core.model.plan.plan import Plan
from dagu_core.model.run import reasons
from dagu_core.model.run.events import ConditionResult
from dagu_core.model.run.fate import fate_of_dependents
from dagu_core.model.run.run import Run, RunSummary, StepRun
from dagu_core.model.status import StepStatus

#: where in RunSummary.extra the marks are kept
MARKS = "marks"
#: more predecessors than any step can have
NEVER = 1 << 30


def new_run(plan: Plan, summary: RunSummary) -> Run:
    """A run of which nothing has happened yet."""
    run = Run(plan, summary, [StepRun() for _ in plan.nodes])
    build_index(run)
    return run


def restore(plan: Plan, summary: RunSummary, steps: Mapping[str, StepRun]) -> Run:
    """The run as a store kept it; steps the store does not know have not started."""
    run = Run(plan, summary, [steps.get(node.name) or StepRun() for node in plan.nodes])
    marks = json.loads(summary.extra.get(MARKS, "{}"))
    for name in ("stopping", "forced", "timed_out", "failed", "conditions_checked"):
        setattr(run, name, bool(marks.get(name)))
    run.stop_signal = marks.get("stop_signal", "")
    run.only = frozenset(marks["only"]) if "only" in marks else None
    run.conditions = [ConditionResult(**result) for result in marks.get("conditions", ())]
    build_index(run)
    return run


def build_index(run: Run) -> None:
    """Derive the index from the states of the steps: O(steps + dependencies), done once."""
    plan = run.plan
    run.blockers = [0] * len(plan.nodes)
    run.ready, run.doomed = deque(), deque()
    run.active, run.sleeping, run.to_stop = set(), {}, {}
    run.tally = Counter()
    run.unfinished = 0
    for node in plan.nodes:
        step = run.steps[node.index]
        if step.running:
            run.active.add(node.index)
            if step.stopping:
                # The process that told it to stop may have died before the step did.
                timed_out = step.reason == reasons.RUN_TIMED_OUT
                run.to_stop[node.index] = "run_timeout" if timed_out else "stop"
        elif step.wake_at is not None:
            run.sleeping[node.index] = step.wake_at
        if node.index >= plan.step_count:
            run.tally["handler_failed"] += step.status is StepStatus.FAILED
            run.tally["handler_aborted"] += step.status is StepStatus.ABORTED
            continue
        if step.status.is_over:
            count(run, node.index)
            continue
        if run.only is not None and node.index not in run.only:
            continue
        run.unfinished += 1
        fate = None
        for before in node.depends:
            if run.only is not None and before not in run.only:
                # Asked for by name: it runs whatever the others did.
                continue
            if not run.steps[before].status.is_over:
                run.blockers[node.index] += 1
            else:
                fate = fate or fate_of_dependents(plan.nodes[before], run.steps[before])
        if step.status is not StepStatus.NOT_STARTED:
            continue
        if fate is not None:
            run.doomed.append((node.index, *fate))
            run.blockers[node.index] = NEVER
        elif run.blockers[node.index] == 0:
            run.ready.append(node.index)
    run.timers = [(at, index) for index, at in run.sleeping.items()]
    heapify(run.timers)


def count(run: Run, index: int) -> None:
    """Add an ended step to the tally the verdict is read from."""
    step = run.steps[index]
    if step.status is StepStatus.FAILED and step.tolerated:
        run.tally["tolerated"] += 1
    else:
        run.tally[step.status.label] += 1


def keep_marks(run: Run) -> None:
    """Write what a later owner (or reader) must know beyond the steps into the row of the run."""
    marks: dict[str, Any] = {
        name: True
        for name in ("stopping", "forced", "timed_out", "failed", "conditions_checked")
        if getattr(run, name)
    }
    if run.stop_signal:
        marks["stop_signal"] = run.stop_signal
    if run.only is not None:
        marks["only"] = sorted(run.only)
    if run.conditions:
        marks["conditions"] = [to_builtins(result) for result in run.conditions]
    if marks:
        run.summary.extra[MARKS] = json.dumps(marks)
    else:
        run.summary.extra.pop(MARKS, None)
