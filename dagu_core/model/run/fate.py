"""What the end of a step means for the steps that wait for it."""

from __future__ import annotations

from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.run import reasons
from dagu_core.model.run.run import StepRun
from dagu_core.model.status import StepStatus


def fate_of_dependents(node: PlannedStep, step: StepRun) -> tuple[StepStatus, str, str] | None:
    """What an ended step means for those that wait for it: None = they may go on."""
    if step.status.is_success or (step.status is StepStatus.FAILED and step.tolerated):
        return None
    if step.status is StepStatus.SKIPPED:
        if node.continue_on.skipped:
            return None
        return StepStatus.SKIPPED, reasons.UPSTREAM_SKIPPED, f"upstream skipped: {node.name}"
    if step.status is StepStatus.FAILED:
        return StepStatus.ABORTED, reasons.UPSTREAM_FAILED, f"upstream failed: {node.name}"
    return StepStatus.ABORTED, reasons.UPSTREAM_ABORTED, f"upstream aborted: {node.name}"
