"""What an event means for a run. Deterministic: no clock, no I/O; O(out-degree) an event."""

from __future__ import annotations

from heapq import heappush
from typing import assert_never

from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import OnCrash
from dagu_core.model.run import reasons
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptStopping,
    ChildStarted,
    ConditionsChecked,
    Event,
    Noted,
    Outcome,
    RunEnded,
    RunFailed,
    RunRecovered,
    RunReset,
    RunStarted,
    RunTimedOut,
    StepSettled,
    StopRequested,
)
from dagu_core.model.run.fate import fate_of_dependents
from dagu_core.model.run.index import NEVER, build_index, count
from dagu_core.model.run.run import Run, StepRun
from dagu_core.model.status import RunStatus, StepStatus

#: onCrash: retry without a retryPolicy still ends some day.
CRASH_RETRIES = 3
#: how many rounds of a repeating step keep their children in the record
KEPT_ROUNDS = 100


def evolve(plan: Plan, run: Run, event: Event) -> Run:
    """Apply `event` to `run` (in place) and return it; touched nodes are added to `run.touched`."""
    match event:
        case RunStarted():
            _run_started(run, event)
        case RunReset(steps=names, only=only):
            for name in names:
                index = plan.by_name[name]
                run.steps[index] = StepRun()
                run.touched.add(index)
            run.only = frozenset(plan.by_name[name] for name in names) if only else None
            _reopen(run)
        case RunRecovered(count=count_):
            run.summary.recoveries = count_
        case ConditionsChecked(results=results):
            run.conditions = list(results)
            run.conditions_checked = True
        case AttemptStarted():
            _attempt_started(plan, run, event)
        case AttemptEnded(step=name, outcome=outcome, at=at):
            _attempt_ended(plan, run, plan.nodes[plan.by_name[name]], outcome, at)
        case AttemptStopping(step=name, why=why):
            index = plan.by_name[name]
            run.to_stop.pop(index, None)
            run.steps[index].stopping = True
            run.steps[index].reason = reasons.STOPPED if why == "stop" else reasons.RUN_TIMED_OUT
            run.touched.add(index)
        case ChildStarted(step=name, child=child):
            step = run.steps[plan.by_name[name]]
            if child not in step.children:
                step.children.append(child)
            run.touched.add(plan.by_name[name])
        case StepSettled(step=name, status=status, reason=reason, detail=detail, at=at):
            index = plan.by_name[name]
            step = run.steps[index]
            step.reason, step.error = reason, detail
            _settle(plan, run, index, status, at)
            while run.doomed and run.steps[run.doomed[0][0]].status.is_over:
                run.doomed.popleft()
        case StopRequested():
            _stop_requested(plan, run, event)
        case RunTimedOut():
            run.timed_out = True
            run.summary.reason = reasons.RUN_TIMED_OUT
            run.summary.error = f"dag timed out after {plan.timeout:g}s"
            run.to_stop.update(dict.fromkeys(run.active, "run_timeout"))
            _wake_nobody(plan, run, event.at, reasons.RUN_TIMED_OUT)
        case RunFailed(error=error, reason=reason):
            run.failed = True
            run.summary.error, run.summary.reason = error, reason
            run.to_stop.update(dict.fromkeys(run.active, "stop"))
            _wake_nobody(plan, run, event.at, reasons.STOPPED_IN_RETRY)
        case Noted():
            pass
        case RunEnded(status=status, at=at):
            run.summary.status = status
            run.summary.finished_at = at
            run.summary.wake_at = None
            run.summary.engine = ""
        case _:
            assert_never(event)
    return run


def _run_started(run: Run, event: RunStarted) -> None:
    summary = run.summary
    summary.status = RunStatus.RUNNING
    summary.attempt_id = event.attempt_id
    summary.started_at = event.at
    summary.finished_at = None
    summary.error = summary.reason = ""
    summary.params = event.params
    summary.log = event.log or summary.log


def _reopen(run: Run) -> None:
    """Forget how the last attempt of the run ended; handlers start afresh."""
    for index in range(run.plan.step_count, len(run.steps)):
        run.steps[index] = StepRun()
        run.touched.add(index)
    run.conditions, run.conditions_checked = [], False
    run.stopping = run.forced = run.timed_out = run.failed = False
    run.stop_signal = ""
    build_index(run)


def _attempt_started(plan: Plan, run: Run, event: AttemptStarted) -> None:
    index = plan.by_name[event.step]
    step = run.steps[index]
    if run.ready and run.ready[0] == index:
        run.ready.popleft()
    run.sleeping.pop(index, None)
    run.active.add(index)
    run.touched.add(index)
    run.last_start = event.at
    if step.attempts:
        step.retried_at = event.at
    else:
        step.started_at = event.at
    step.attempts, step.offset = event.number, event.offset
    step.status, step.running, step.wake_at = StepStatus.RUNNING, True, None
    step.reason = step.error = ""
    step.stdout, step.stderr = event.stdout or step.stdout, event.stderr or step.stderr


def _attempt_ended(plan: Plan, run: Run, node: PlannedStep, outcome: Outcome, at: float) -> None:
    step = run.steps[node.index]
    run.active.discard(node.index)
    run.to_stop.pop(node.index, None)
    run.touched.add(node.index)
    step.running = False
    step.exit_code = outcome.exit_code
    step.error = "" if outcome.succeeded else outcome.message
    step.conditions = list(outcome.conditions) or step.conditions
    if outcome.output is not None:
        step.output = outcome.output
    if outcome.retry is not None:
        step.retry = outcome.retry
    if outcome.ended == "skipped":
        step.reason = reasons.PRECONDITION_UNMET
        return _settle(plan, run, node.index, StepStatus.SKIPPED, at)
    if outcome.ended == "stopped" or step.stopping:
        # A step that was told to stop is aborted whatever it exits with.
        step.error = outcome.message if outcome.ended == "stopped" else ""
        return _settle(plan, run, node.index, StepStatus.ABORTED, at)
    if not outcome.succeeded and (delay := _retry_delay(node, step, outcome)) is not None:
        step.retry_count += 1
        step.status, step.reason = StepStatus.RETRYING, reasons.RETRY_WAIT
        return _sleep(plan, run, node, at, delay)
    step.done_count += 1
    if (delay := _repeat_delay(node, step, outcome)) is not None and not run.stopping and not run.timed_out:
        step.repeated = True
        step.children_repeated = (step.children_repeated + step.children)[-KEPT_ROUNDS:]
        step.children = []
        step.status, step.reason = StepStatus.RUNNING, reasons.REPEAT_WAIT
        return _sleep(plan, run, node, at, delay)
    _judge(plan, run, node, outcome, at)


def _retry_delay(node: PlannedStep, step: StepRun, outcome: Outcome) -> float | None:
    rule = step.retry or node.retry
    if outcome.ended == "lost":
        if node.on_crash is OnCrash.FAIL:
            return None
        limit = max(rule.limit if rule else 0, CRASH_RETRIES)
        return 0.0 if step.retry_count < limit else None
    if rule is None or outcome.ended == "timeout" or not outcome.retryable:
        return None
    return rule.delay_after(step.retry_count, outcome.exit_code)


def _repeat_delay(node: PlannedStep, step: StepRun, outcome: Outcome) -> float | None:
    if node.repeat is None or outcome.ended in ("timeout", "lost", "error"):
        return None
    return node.repeat.delay_after(
        step.done_count,
        condition_met=outcome.repeat_met,
        exit_code=outcome.exit_code,
        succeeded=outcome.succeeded,
    )


def _sleep(plan: Plan, run: Run, node: PlannedStep, at: float, delay: float) -> None:
    step = run.steps[node.index]
    step.wake_at = at + delay
    if run.stopping or run.timed_out:
        # Nothing starts any more: say so now instead of after the wait.
        return _give_up_waiting(plan, run, node.index, at)
    run.sleeping[node.index] = step.wake_at
    heappush(run.timers, (step.wake_at, node.index))


def _judge(plan: Plan, run: Run, node: PlannedStep, outcome: Outcome, at: float) -> None:
    """The attempt was the last one: what does it make of the step?"""
    step = run.steps[node.index]
    step.reason = ""
    if outcome.succeeded:
        return _settle(plan, run, node.index, outcome.status or StepStatus.SUCCEEDED, at)
    step.reason = {
        "timeout": reasons.STEP_TIMED_OUT,
        "lost": reasons.LOST,
        "error": reasons.ERROR,
    }.get(outcome.ended, reasons.EXIT_CODE)
    status = outcome.status or StepStatus.FAILED
    if status is StepStatus.FAILED and node.continue_on.tolerates(outcome.exit_code, outcome.output_matched):
        step.tolerated = True
        if node.continue_on.mark_success:
            status = StepStatus.SUCCEEDED
    _settle(plan, run, node.index, status, at)


def _settle(plan: Plan, run: Run, index: int, status: StepStatus, at: float) -> None:
    """The step is over: tell its dependents."""
    step = run.steps[index]
    step.status, step.finished_at, step.wake_at = status, at, None
    step.stopping = step.running = False
    run.touched.add(index)
    if index >= plan.step_count:
        run.tally["handler_failed"] += status is StepStatus.FAILED
        run.tally["handler_aborted"] += status is StepStatus.ABORTED
        return
    count(run, index)
    run.unfinished -= 1
    fate = fate_of_dependents(plan.nodes[index], step)
    for dependent in plan.dependents[index]:
        run.blockers[dependent] -= 1
        if run.steps[dependent].status is not StepStatus.NOT_STARTED:
            continue
        if run.only is not None and dependent not in run.only:
            continue
        if fate is not None:
            # The first blocking predecessor decides; no later one can make the step ready again.
            run.doomed.append((dependent, *fate))
            run.blockers[dependent] = NEVER
        elif run.blockers[dependent] == 0:
            run.ready.append(dependent)


def _stop_requested(plan: Plan, run: Run, event: StopRequested) -> None:
    again = run.stopping and not event.force
    run.stopping = True
    run.forced = run.forced or event.force
    run.stop_signal = event.signal
    run.summary.reason = reasons.STOPPED
    for index in run.active:
        step = run.steps[index]
        # A repeating step finishes its round: its work is a unit the user defined.
        # Asking a step twice means kill: only `force` may do that.
        # A handler that began after this was asked answers the first stop: it is not meant.
        spared = plan.nodes[index].repeat is not None or step.stopping
        if event.force or not (spared or (again and (step.started_at or 0.0) >= event.at)):
            run.to_stop[index] = "stop"
    _wake_nobody(plan, run, event.at, reasons.STOPPED_IN_RETRY)


def _wake_nobody(plan: Plan, run: Run, at: float, reason: str) -> None:
    for index in list(run.sleeping):
        del run.sleeping[index]
        _give_up_waiting(plan, run, index, at, reason)


def _give_up_waiting(
    plan: Plan, run: Run, index: int, at: float, reason: str = reasons.STOPPED_IN_RETRY
) -> None:
    step = run.steps[index]
    if step.status is StepStatus.RETRYING or run.timed_out:
        step.reason = reason
        _settle(plan, run, index, StepStatus.ABORTED, at)
    else:
        # Between two repetitions: the last one stands.
        succeeded = step.exit_code == 0
        step.reason = "" if succeeded else reasons.EXIT_CODE
        _settle(plan, run, index, StepStatus.SUCCEEDED if succeeded else StepStatus.FAILED, at)
