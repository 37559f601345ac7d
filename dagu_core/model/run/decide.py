"""What to do next about a run. A plain function of the plan, the run and the time: no I/O.

The order of the questions is the rulebook of the engine. Every action leaves a mark in the state
(through the event the shell records for it), so asking again never repeats one.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice

from msgspec import Struct

from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run import reasons
from dagu_core.model.run.events import StopReason
from dagu_core.model.run.run import Run
from dagu_core.model.run.verdict import handler_for, verdict
from dagu_core.model.status import RunStatus, StepStatus


class CheckConditions(Struct, frozen=True):
    """Evaluate the preconditions of the DAG."""


class StartAttempt(Struct, frozen=True):
    """Begin attempt `number` of the node `index`."""

    index: int
    number: int


class StopAttempt(Struct, frozen=True):
    """Tell the running node to stop."""

    index: int
    why: StopReason


class Settle(Struct, frozen=True):
    """The node ends without running."""

    index: int
    status: StepStatus
    reason: str
    detail: str


class TimeOut(Struct, frozen=True):
    """The run has outlived its timeout."""


class EndRun(Struct, frozen=True):
    """Nothing is left to do."""

    status: RunStatus


Action = CheckConditions | StartAttempt | StopAttempt | Settle | TimeOut | EndRun


class Decision(Struct, frozen=True):
    """What to do now, and when to ask again at the latest (epoch seconds, None = on an event)."""

    actions: tuple[Action, ...] = ()
    wake_at: float | None = None


def decide(plan: Plan, run: Run, now: float) -> Decision:
    """The actions the state calls for; empty when the run can only wait."""
    if run.summary.status is not RunStatus.RUNNING:
        return Decision()
    if run.to_stop:
        return Decision(tuple(StopAttempt(index, why) for index, why in run.to_stop.items()))
    closing = run.failed or run.timed_out or run.cancelled
    deadline = _deadline(plan, run) if not closing and _in_steps(run) else None
    if deadline is not None and now >= deadline:
        return Decision((TimeOut(),))
    if closing:
        return _close(plan, run, now)
    if plan.preconditions and not run.conditions_checked:
        return Decision((CheckConditions(),), deadline)
    begin = (run.summary.started_at or now) + plan.delay
    if plan.delay and now < begin and run.last_start is None:
        return Decision(wake_at=_earliest(begin, deadline))
    init = run.handler(HandlerKind.INIT)
    if init is not None and not init.status.is_over:
        return _start_handler(plan, run, HandlerKind.INIT, now, deadline)
    if run.doomed:
        return Decision(_doomed(run))
    if run.unfinished == 0:
        return _close(plan, run, now)
    return _start_steps(plan, run, now, deadline)


def _start_steps(plan: Plan, run: Run, now: float, deadline: float | None) -> Decision:
    free = plan.max_active_steps - len(run.active) if plan.max_active_steps else len(plan.nodes)
    wake = _next_timer(run, now)
    if plan.step_stagger and run.last_start is not None:
        if now < (next_start := run.last_start + plan.step_stagger):
            return Decision(wake_at=_earliest(next_start, deadline))
        free = min(free, 1)
    elif plan.step_stagger:
        free = min(free, 1)
    actions: list[Action] = []
    if free > 0:
        for index in _due(run, now, free):
            actions.append(StartAttempt(index, run.steps[index].attempts + 1))
        for index in islice(run.ready, free - len(actions)):
            actions.append(StartAttempt(index, 1))
    if actions or (wake is not None and wake <= now):
        # Due but no slot free: an ending step wakes us, time does not.
        wake = None
    return Decision(tuple(actions), _earliest(wake, deadline))


def _close(plan: Plan, run: Run, now: float) -> Decision:
    """No further step starts: wait for the running ones, run the handlers, end."""
    if run.timed_out and _in_steps(run) and (pending := _pending(run)):
        return Decision(pending)
    if run.active:
        return Decision()
    if not run.failed and not run.forced:
        status = verdict(run, with_handlers=False)
        for kind in (handler_for(status), HandlerKind.EXIT):
            step = run.handler(kind)
            if step is not None and not step.status.is_over:
                return _start_handler(plan, run, kind, now, None)
    return Decision((EndRun(verdict(run)),))


def _start_handler(plan: Plan, run: Run, kind: HandlerKind, now: float, deadline: float | None) -> Decision:
    node = plan.handlers[kind]
    step = run.steps[node.index]
    if node.index in run.active:
        return Decision(wake_at=deadline)
    wake = run.sleeping.get(node.index)
    if wake is not None and wake > now:
        return Decision(wake_at=_earliest(wake, deadline))
    return Decision((StartAttempt(node.index, step.attempts + 1),), deadline)


def _pending(run: Run) -> tuple[Action, ...]:
    """After a timeout every step that did not start is aborted, so that the record says why."""
    if run.unfinished <= len(run.active):
        return ()
    asked_for = range(run.plan.step_count) if run.only is None else sorted(run.only)
    return tuple(
        Settle(index, StepStatus.ABORTED, reasons.RUN_TIMED_OUT, "")
        for index in asked_for
        if run.steps[index].status is StepStatus.NOT_STARTED
    )


def _doomed(run: Run) -> tuple[Action, ...]:
    seen: dict[int, Action] = {}
    for index, status, reason, detail in run.doomed:
        if run.steps[index].status is StepStatus.NOT_STARTED:
            seen.setdefault(index, Settle(index, status, reason, detail))
    return tuple(seen.values())


def _in_steps(run: Run) -> bool:
    """Whether the run is still about its steps, not yet about its closing handlers."""
    first_handler = run.plan.step_count
    return not any(
        run.steps[index].status is not StepStatus.NOT_STARTED
        for index in range(first_handler, len(run.steps))
        if run.plan.nodes[index].handler is not HandlerKind.INIT
    )


def _deadline(plan: Plan, run: Run) -> float | None:
    if not plan.timeout or run.summary.started_at is None or run.unfinished == 0:
        return None
    return run.summary.started_at + plan.timeout


def _next_timer(run: Run, now: float) -> float | None:
    while run.timers and run.sleeping.get(run.timers[0][1]) != run.timers[0][0]:
        heappop(run.timers)
    return run.timers[0][0] if run.timers else None


def _due(run: Run, now: float, most: int) -> list[int]:
    """Up to `most` sleeping steps whose time has come; the heap is left as it was."""
    popped: list[tuple[float, int]] = []
    due: list[int] = []
    while run.timers and run.timers[0][0] <= now and len(due) < most:
        popped.append(timer := heappop(run.timers))
        if run.sleeping.get(timer[1]) == timer[0]:
            due.append(timer[1])
    for timer in popped:
        heappush(run.timers, timer)
    return due


def _earliest(*times: float | None) -> float | None:
    known = [at for at in times if at is not None]
    return min(known) if known else None
