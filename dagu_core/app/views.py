"""A run as people and programs see it: plan and state side by side, and its JSON shapes."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct, field

from dagu_core.base.clock import rfc3339
from dagu_core.engine.providers import recorded
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import Condition, HandlerKind, Repeat
from dagu_core.model.run.index import MARKS
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunSummary, StepRun
from dagu_core.model.values.params import params_text
from dagu_core.model.values.text import to_text

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

    def details(self) -> Shape:
        """The run with its nodes (`DAGRunDetails`)."""
        shape = self.brief()
        shape["alive"] = self.alive
        shape["nodes"] = [self._node(node) for node in self.plan.steps]
        for kind, node in self.plan.handlers.items():
            shape[kind.value] = self._node(node)
        shape["preconditions"] = self._conditions()
        shape["providers"] = dict(recorded(self.summary))
        return shape

    def _node(self, node: PlannedStep) -> Shape:
        step = self.steps[node.index]
        shape: Shape = {
            "step": step_shape(node, self.plan),
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
    }
    if summary.parent is not None:
        shape["parentDAGRunName"] = summary.parent.dag
        shape["parentDAGRunId"] = summary.parent.run_id
    optional = {
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


def step_shape(node: PlannedStep, plan: Plan) -> Shape:
    """A step of a definition (`Step`)."""
    shape: Shape = {"name": node.name}
    optional = {
        "id": node.id,
        "description": node.description,
        "dir": node.working_dir,
        "commands": _commands(node),
        "script": node.script,
        "stdout": node.stdout,
        "stderr": node.stderr,
        "output": node.output.name if node.output else "",
        "call": node.call.target if node.call else "",
        "params": _call_params(node),
        "depends": [plan.nodes[index].name for index in node.depends],
        "repeatPolicy": _repetition(node.repeat) if node.repeat else {},
        "mailOnError": node.mail_on_error,
        "timeoutSec": int(node.timeout),
        "preconditions": [condition_shape(condition) for condition in node.preconditions],
    }
    shape |= {key: value for key, value in optional.items() if value}
    if node.executor != "command":
        shape["executorConfig"] = {"type": node.executor}
        if node.config:
            shape["executorConfig"]["config"] = dict(node.config)
    if node.call and node.call.parallel:
        parallel = node.call.parallel
        items: Any = parallel.source or [str(item) for item in parallel.items]
        shape["parallel"] = {"items": items, "maxConcurrent": parallel.max_concurrent}
    return shape


def _commands(node: PlannedStep) -> list[Shape]:
    if node.exec:
        return [{"command": node.exec[0], "args": list(node.exec[1:])}]
    return [{"command": text} for text in node.commands_shown]


def _call_params(node: PlannedStep) -> str:
    params = node.call.params if node.call else ""
    return (
        params if isinstance(params, str) else params_text([(name, to_text(data)) for name, data in params])
    )


def _repetition(repeat: Repeat) -> Shape:
    shape: Shape = {"repeat": repeat.mode.value, "interval": int(repeat.interval)}
    optional = {
        "limit": repeat.limit,
        "backoff": repeat.backoff if repeat.backoff != 1 else None,
        "maxIntervalSec": None if repeat.max_interval is None else int(repeat.max_interval),
        "condition": condition_shape(repeat.condition) if repeat.condition else None,
        "exitCode": list(repeat.exit_codes),
    }
    return shape | {key: value for key, value in optional.items() if value}


def condition_shape(condition: Condition) -> Shape:
    """A precondition (`Condition`)."""
    shape: Shape = {"condition": condition.condition}
    if condition.expected:
        shape["expected"] = condition.expected
    if condition.negate:
        shape["negate"] = True
    return shape


def _child(child: Any) -> Shape:
    shape = {"dagRunId": child.run_id, "name": child.dag}
    return shape | ({"params": child.params} if child.params else {})
