"""A run as people and programs see it: plan and state side by side, and its JSON shapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from dagu_core.base.clock import rfc3339
from dagu_core.engine.providers import recorded
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run.index import MARKS
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunSummary, StepRun
from dagu_core.model.status import RunStatus
from dagu_core.model.values.params import params_text

if TYPE_CHECKING:
    from dagu_core.app.step_shapes import Show

Shape = dict[str, Any]


class RunView(Struct):
    """One run. `steps` is aligned with `plan.nodes`; `alive` tells whether the process that
    drives it lives, `lost_at` (epoch seconds) about when it died; `forced_by` names the signal
    whose second arrival ended the run."""

    plan: Plan
    summary: RunSummary
    steps: list[StepRun] = field(default_factory=list)
    alive: bool = True
    lost_at: float | None = None
    forced_by: str = ""

    @property
    def exit_code(self) -> int:
        """What the command that ran it ends with."""
        if self.forced_by:
            import signal

            return 128 + int(getattr(signal, self.forced_by))
        status = self.summary.status
        return 0 if status.is_success or status.is_active else 1

    def brief(self) -> Shape:
        """The run as an entry of a list (`DAGRunSummary`)."""
        return summary_shape(self.summary)

    def details(self, show: Show | None = None) -> Shape:
        """The run with its nodes (`DAGRunDetails`); `show` puts known values into command lines."""
        shape = self.brief()
        shape["alive"] = self.alive and self.summary.status is RunStatus.RUNNING
        shape["nodes"] = [self._node(node, show) for node in self.plan.steps]
        for kind, node in self.plan.handlers.items():
            shape[kind.value] = self._node(node, show)
        shape["preconditions"] = self._conditions()
        if trigger := trigger_shape(self.summary):
            shape["trigger"] = trigger
        shape["providers"] = dict(recorded(self.summary))
        return shape

    def _node(self, node: PlannedStep, show: Show | None) -> Shape:
        from dagu_core.app.step_shapes import step_shape

        step = self.steps[node.index]
        shape: Shape = {
            "step": step_shape(node, self.plan, show),
            "stdout": step.stdout,
            "stderr": step.stderr,
            "startedAt": rfc3339(step.started_at) or "-",
            "finishedAt": rfc3339(step.finished_at) or "-",
            "status": int(step.status),
            "statusLabel": step.status.label,
            "retryCount": step.retry_count,
            "doneCount": step.done_count,
        }
        optional = {
            "error": step.error,
            "exitCode": step.exit_code,
            "reason": step.reason,
            "retriedAt": rfc3339(step.retried_at),
            "wakeAt": rfc3339(step.wake_at),
            "subRuns": [_child(child) for child in step.children],
            "subRunsRepeated": [_child(child) for child in step.children_repeated],
        }
        return shape | {key: value for key, value in optional.items() if value not in ("", None, [])}

    def _conditions(self) -> list[Shape]:
        from dagu_core.app.step_shapes import condition_shape

        marks = json.loads(self.summary.extra.get(MARKS, "{}"))
        checked = {result["condition"]: result for result in marks.get("conditions", ())}
        shapes = []
        for condition in self.plan.preconditions:
            shape = condition_shape(condition)
            if (result := checked.get(condition.condition)) is not None:
                error = result.get("error", "")
                shape["matched"] = not error
                if error:
                    shape["error"] = error
            shapes.append(shape)
        return shapes

    def handler(self, kind: HandlerKind) -> StepRun | None:
        """How a handler stands; None when the plan has none."""
        node = self.plan.handlers.get(kind)
        return self.steps[node.index] if node else None


def trigger_shape(summary: RunSummary) -> Shape:
    """What made the run begin, {} = a person or another run: `type`, `entry` (its line in the file), `id`
    of the fire of a trigger, and what the trigger told, such as `files`."""
    known = summary.trigger
    shape = {"type": known.get("type"), "entry": known.get("entry"), "id": known.get("fire")}
    shape |= {"note": known.get("note"), **known.get("info", {})}
    return {key: value for key, value in shape.items() if value}


def trigger_text(summary: RunSummary) -> str:
    """The same in a line for people, "" = a person or another run."""
    shape, due = trigger_shape(summary), rfc3339(summary.trigger.get("due"))
    if not shape:
        return ""
    files, line = shape.get("files", ()), str(shape.get("entry", ""))
    line = line if line.startswith(shape["type"]) else f"{shape['type']} {line}".rstrip()
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return line + (f" ({files[0]}{more})" if files else "") + (f", due {due}" if due else "")


def summary_shape(summary: RunSummary) -> Shape:
    """A run as an entry of a list (`DAGRunSummary`)."""
    root = summary.root or summary.ref
    shape: Shape = {
        "rootDAGRunName": root.dag,
        "rootDAGRunId": root.run_id,
        "dagRunId": summary.ref.run_id,
        "name": summary.ref.dag,
        "status": int(summary.status),
        "statusLabel": summary.status.label,
        "startedAt": rfc3339(summary.started_at),
        "finishedAt": rfc3339(summary.finished_at),
        "log": summary.log,
        "workerId": summary.worker,
        "triggerType": summary.trigger_type,
    }
    if summary.parent is not None:
        shape["parentDAGRunName"] = summary.parent.dag
        shape["parentDAGRunId"] = summary.parent.run_id
    optional = {
        "scheduleTime": rfc3339(summary.trigger.get("due")),
        "queuedAt": rfc3339(summary.queued_at),
        "params": params_text(summary.params),
        "attemptId": summary.attempt_id,
        "queue": summary.queue,
        "queueOverridden": QUEUE_OVERRIDDEN in summary.extra,
        "priority": summary.priority if summary.queued_at is not None else None,
        "tags": list(summary.tags),
        "error": summary.error,
        "reason": summary.reason,
        "recoveries": summary.recoveries,
    }
    return shape | {key: value for key, value in optional.items() if value}


def _child(child: Any) -> Shape:
    shape = {"dagRunId": child.run_id, "name": child.dag}
    return shape | ({"params": child.params} if child.params else {})
