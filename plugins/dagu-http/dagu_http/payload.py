"""What a webhook says: the facts about a run, as JSON, as a chat message, or in the user's own form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dagu_core import Notice, RunStatus, StepRun, StepStatus

#: steps told of at most, failed ones first
STEPS = 200
_LONGEST_ERROR = 2000
_PLACE = re.compile(r"\{([A-Za-z]+)\}")

#: how a run may end, and the event that is
ENDS = {
    RunStatus.SUCCEEDED: "success",
    RunStatus.PARTIALLY_SUCCEEDED: "partial",
    RunStatus.FAILED: "failure",
    RunStatus.ABORTED: "abort",
    RunStatus.REJECTED: "rejected",
}


def event_of(notice: Notice) -> str:
    """The event of a notice as users name it; "" for what nobody can ask for."""
    event: Any = notice.event
    match type(event).__name__:
        case "RunStarted":
            return "start"
        case "RunEnded":
            return ENDS.get(event.status, "")
        case "AttemptEnded":
            step = notice.run.steps[event.step]
            failed = step.status is StepStatus.FAILED and step.attempts == event.number
            return "stepFailure" if failed else ""
    return ""


def facts_of(notice: Notice, event: str) -> dict[str, Any]:
    """Everything about the run that a receiver may want, ready for JSON."""
    summary = notice.run.summary
    steps, omitted = _steps(notice)
    facts: dict[str, Any] = {
        "event": event,
        "dag": summary.ref.dag,
        "runId": summary.ref.run_id,
        "attemptId": summary.attempt_id,
        "status": summary.status.label,
        "startedAt": _time(summary.started_at),
        "finishedAt": _time(summary.finished_at),
        "error": _error_of(notice, steps),
        "tags": list(summary.tags),
        "root": str(summary.root) if summary.root else None,
        "parent": str(summary.parent) if summary.parent else None,
        "steps": steps,
    }
    if omitted:
        facts["stepsOmitted"] = omitted
    if step := getattr(notice.event, "step", ""):
        facts["step"] = step
    return facts


def chat_text(facts: Mapping[str, Any]) -> str:
    """One or two lines for people."""
    what = f"step {facts['step']} failed" if "step" in facts else str(facts["status"]).replace("_", " ")
    line = f"{facts['dag']}: {what} ({facts['runId']})"
    return f"{line}\n{facts['error']}" if facts["error"] else line


def filled(template: Any, facts: Mapping[str, Any]) -> Any:
    """The template with `{name}` replaced by facts, in texts only; unknown names stay."""
    match template:
        case str():
            return _PLACE.sub(lambda found: _fact(found, facts), template)
        case dict():
            return {name: filled(value, facts) for name, value in template.items()}
        case list():
            return [filled(value, facts) for value in template]
    return template


def _fact(found: re.Match[str], facts: Mapping[str, Any]) -> str:
    value = facts.get(found[1], found[0])
    return "" if value is None else value if isinstance(value, str) else found[0]


def _steps(notice: Notice) -> tuple[list[dict[str, Any]], int]:
    begun = [
        (name, step)
        for name in notice.run.steps
        if (step := notice.run.steps[name]).status is not StepStatus.NOT_STARTED
    ]
    if len(begun) > STEPS:
        failed = {name for name, step in begun if step.status is StepStatus.FAILED}
        chosen = {name for name, _ in sorted(begun, key=lambda pair: pair[0] not in failed)[:STEPS]}
        return [_step(name, step) for name, step in begun if name in chosen], len(begun) - STEPS
    return [_step(name, step) for name, step in begun], 0


def _step(name: str, step: StepRun) -> dict[str, Any]:
    return {
        "name": name,
        "status": step.status.label,
        "startedAt": _time(step.started_at),
        "finishedAt": _time(step.finished_at),
        "exitCode": step.exit_code,
        "attempts": step.attempts,
        "error": step.error[:_LONGEST_ERROR],
    }


def _error_of(notice: Notice, steps: list[dict[str, Any]]) -> str:
    if error := notice.run.summary.error:
        return error[:_LONGEST_ERROR]
    if named := getattr(notice.event, "step", ""):
        steps = [step for step in steps if step["name"] == named]
    failed = [step for step in steps if step["status"] == "failed" and step["error"]]
    return f"{failed[0]['name']}: {failed[0]['error']}" if failed else ""


def _time(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else None
