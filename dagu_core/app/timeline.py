"""What happened to a run, in order: its attempts, and its events as data and as lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from dagu_core.app.log_lines import milliseconds
from dagu_core.base.clock import rfc3339
from dagu_core.model.run.codec import encode_event
from dagu_core.model.run.events import (
    AttemptEnded,
    Event,
    RunEnded,
    RunRecovered,
    RunReset,
    RunStarted,
    StepSettled,
)
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus, StepStatus

Shape = dict[str, Any]

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PATHS = ("stdout", "stderr", "log")
_FREE = ("details", "usage")


def attempts_of(events: Iterable[Event], summary: RunSummary) -> list[Shape]:
    """The attempts of a run, oldest first; `summary` tells how the last one stands.

    Each has `attemptId`, `startedAt`, `finishedAt` ("" = not yet), `status`, `statusLabel`;
    `recovered` counts how often a dead process was replaced, `steps` are those a retry put back.
    """
    attempts: list[Shape] = []
    recovered = 0
    for event in events:
        if isinstance(event, RunStarted):
            attempts.append(
                {"attemptId": event.attempt_id, "startedAt": rfc3339(event.at), "finishedAt": ""}
                | _status(RunStatus.RUNNING)
                | ({"recovered": recovered} if recovered else {})
            )
            recovered = 0
        elif isinstance(event, RunRecovered):
            if attempts and not attempts[-1]["finishedAt"]:
                attempts[-1]["recovered"] = attempts[-1].get("recovered", 0) + 1
            else:
                recovered += 1
        elif isinstance(event, RunReset) and attempts and event.steps:
            attempts[-1]["steps"] = list(event.steps)
        elif isinstance(event, RunEnded) and attempts and not attempts[-1]["finishedAt"]:
            attempts[-1] |= {"finishedAt": rfc3339(event.at)} | _status(event.status)
    if attempts and not attempts[-1]["finishedAt"] and not summary.status.is_over:
        attempts[-1] |= _status(summary.status)
    return attempts


def _status(status: RunStatus) -> Shape:
    return {"status": int(status), "statusLabel": status.label}


def event_shape(number: int, event: Event) -> Shape:
    """An event as data: `seq`, `at` (RFC 3339, milliseconds), `type` (`step_settled`), its fields."""
    fields = json.loads(encode_event(event))
    name = _WORD.sub("_", fields.pop("type")).lower()
    fields.pop("at", None)
    if isinstance(event, RunEnded | StepSettled):
        fields["status"] = event.status.label
    if isinstance(event, AttemptEnded):
        ended = {"exitCode": event.outcome.exit_code, "ended": event.outcome.ended}
        fields["outcome"] = ended | fields["outcome"]
        if event.outcome.status is not None:
            fields["outcome"]["status"] = event.outcome.status.label
    shape: Shape = {"seq": number, "at": milliseconds(event.at), "type": name}
    shape.update(_camel(fields))
    return shape


def event_row(number: int, event: Event) -> tuple[str, ...]:
    """An event as cells for people: number, time, what, which step, the rest as `key=value`."""
    shape = event_shape(number, event)
    step = str(shape.pop("step", ""))
    facts = {key: value for key, value in shape.items() if key not in ("seq", "at", "type", *_PATHS)}
    if isinstance(event, AttemptEnded):
        facts |= _ended(event)
        del facts["outcome"]
    told = " ".join(f"{key}={_text(value)}" for key, value in facts.items())
    return str(number), shape["at"], shape["type"].replace("_", " "), step, told


def _ended(event: AttemptEnded) -> Shape:
    outcome = event.outcome
    status = outcome.status or (StepStatus.SUCCEEDED if outcome.succeeded else None)
    known = {
        "status": "" if status is None else status.label,
        "exitCode": outcome.exit_code,
        "ended": outcome.ended if outcome.ended != "exited" else "",
        "message": outcome.message,
    }
    return {key: value for key, value in known.items() if value not in ("", None)}


def _camel(value: Any) -> Any:
    """`value` with the keys of its maps in camelCase; what plugins put in is theirs."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_word(key): item if key in _FREE else _camel(item) for key, item in value.items()}


def _word(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _text(value: Any) -> str:
    if isinstance(value, str) and value and not set(value) & set(' \t\n"='):
        return value
    return json.dumps(value, ensure_ascii=False)
