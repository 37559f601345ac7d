"""When a run is over, and with which status."""

from __future__ import annotations

from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run.run import Run
from dagu_core.model.status import RunStatus


def verdict(run: Run, *, with_handlers: bool = True) -> RunStatus:
    """The status the run has or would end with now; O(1), read from the tally.

    `with_handlers=False` leaves failed handlers out: that status chooses which handler runs.
    """
    tally = run.tally
    steps = run.plan.step_count
    good = tally["succeeded"] + tally["partially_succeeded"]
    all_good = good + tally["skipped"] == steps
    if run.failed:
        return RunStatus.FAILED
    if any(not result.met for result in run.conditions):
        return RunStatus.ABORTED
    if run.timed_out and not all_good:
        return RunStatus.FAILED
    if run.cancelled and not all_good:
        return RunStatus.ABORTED
    if with_handlers and tally["handler_aborted"] and run.cancelled:
        return RunStatus.ABORTED
    if tally["rejected"]:
        return RunStatus.REJECTED
    if not tally["failed"] and good and (tally["tolerated"] or tally["partially_succeeded"]):
        return RunStatus.PARTIALLY_SUCCEEDED
    if tally["failed"] or tally["tolerated"] or (with_handlers and tally["handler_failed"]):
        return RunStatus.FAILED
    if tally["aborted"] or good + tally["skipped"] < steps:
        # Only after a retry of single steps: others still stand where a stop left them.
        return RunStatus.ABORTED
    return RunStatus.SUCCEEDED


def handler_for(status: RunStatus) -> HandlerKind:
    """The lifecycle handler that belongs to an end of the steps."""
    if status.is_success:
        return HandlerKind.SUCCESS
    return HandlerKind.ABORT if status is RunStatus.ABORTED else HandlerKind.FAILURE
