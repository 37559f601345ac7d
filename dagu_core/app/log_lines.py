"""What a run says about itself, line by line: its log file and the lines on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dagu_core.base.clock import rfc3339, utc
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptStopping,
    ChildStarted,
    ConditionsChecked,
    Event,
    Noted,
    RunEnded,
    RunFailed,
    RunRecovered,
    RunReset,
    RunStarted,
    RunTimedOut,
    StepSettled,
    StopRequested,
)
from dagu_core.model.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from dagu_core.app.views import RunView

#: what stands in a line as it is; most values do
_PLAIN = re.compile(r"[!#-<>-~]+")

Line = tuple[str, str, dict[str, Any]]  # level, message, facts

#: the event that was told last, the format, its line
_last: tuple[Event | None, str, str] = (None, "", "")

_VERDICTS = {
    StepStatus.FAILED: ("ERROR", "Step failed"),
    StepStatus.RETRYING: ("WARN", "Step failed and will be tried again"),
    StepStatus.ABORTED: ("WARN", "Step aborted"),
    StepStatus.SKIPPED: ("INFO", "Step skipped"),
}


def log_line(event: Event, view: RunView, format: str = "text") -> str:
    """The line (or lines, joined by newlines) an event is told with; "" when it is not told.

    `view` is the run after the commit that holds the event. `format` is `text` (key=value) or
    `json`, one object a line.
    """
    global _last
    if _last[0] is event and _last[1] == format:
        return _last[2]  # the run's log and whoever watches are told one after the other
    write = _json if format == "json" else _text
    ref = view.summary.ref
    who = {"name": ref.dag, "run-id": ref.run_id, "attempt-id": view.summary.attempt_id, "dag": ref.dag}
    lines = "\n".join(
        [
            write({"time": milliseconds(event.at), "level": level, "msg": message} | who | facts)
            for level, message, facts in _lines(event, view)
        ]
    )
    _last = (event, format, lines)
    return lines


def warning_line(message: str, at: float, format: str = "text") -> str:
    """The line of a warning that belongs to no run; `at` in epoch seconds."""
    write = _json if format == "json" else _text
    return write({"time": milliseconds(at), "level": "WARN", "msg": message})


def _lines(event: Event, view: RunView) -> Iterator[Line]:
    match event:
        case RunStarted(params=params):
            words = " ".join(f"{name}={value}" for name, value in params)
            yield "INFO", "DAG run started", {"params": f"[{words}]"}
        case RunReset(steps=steps):
            yield "INFO", "DAG run retried", {"steps": ",".join(steps)}
        case RunRecovered(owner=owner, count=count):
            yield "WARN", "DAG run taken over from a dead process", {"owner": owner, "recoveries": count}
        case ConditionsChecked(results=results):
            for result in results:
                if not result.met:
                    yield "WARN", "Precondition not met", {"condition": result.condition, "err": result.error}
        case AttemptStarted(step=step, number=number):
            yield "INFO", "Step started", {"step": step} | ({"attempt": number} if number > 1 else {})
        case AttemptEnded():
            yield _attempt_ended(event, view)
        case AttemptStopping(step=step, why=why):
            yield "INFO", "Step is being stopped", {"step": step, "why": why}
        case ChildStarted(step=step, child=child):
            facts = {"step": step, "sub-dag": child.dag, "sub-run-id": child.run_id}
            yield "INFO", "Sub-DAG run started", facts
        case StepSettled(step=step, status=status, reason=reason, detail=detail):
            facts = {"step": step, "status": status.label, "reason": reason}
            yield (
                "INFO",
                f"Step {status.label.replace('_', ' ')}",
                facts | ({"err": detail} if detail else {}),
            )
        case StopRequested(by=by, signal=signal, force=force):
            yield "INFO", "Stop requested", {"by": by, "signal": signal} | ({"force": True} if force else {})
        case RunTimedOut():
            yield "ERROR", "DAG run timed out", {"timeout": f"{view.plan.timeout:g}s"}
        case RunFailed(error=error, reason=reason):
            yield "ERROR", "DAG run could not go on", {"reason": reason, "err": error}
        case Noted(code=code, message=message, step=step):
            yield "WARN", message, ({"step": step} if step else {}) | {"code": code}
        case RunEnded(status=status):
            yield from _run_ended(status, view)


def _attempt_ended(event: AttemptEnded, view: RunView) -> Line:
    state = view.steps[view.plan.by_name[event.step]]
    facts: dict[str, Any] = {"step": event.step, "status": state.status.label}
    if event.outcome.exit_code is not None:
        facts["exit-code"] = event.outcome.exit_code
    if state.started_at is not None:
        facts["duration"] = f"{max(0.0, event.at - state.started_at):.3f}s"
    level, message = _VERDICTS.get(state.status, ("INFO", "Step finished"))
    error = "" if event.outcome.succeeded else event.outcome.message or state.error
    return level, message, facts | ({"err": error} if error else {})


def _run_ended(status: RunStatus, view: RunView) -> Iterator[Line]:
    summary = view.summary
    times = {"started-at": rfc3339(summary.started_at), "finished-at": rfc3339(summary.finished_at)}
    yield "INFO", "DAG run finished", {"status": status.label} | times
    if not status.is_success and summary.error:
        yield "ERROR", "Failed to execute dag-run", {"err": summary.error}


def milliseconds(seconds: float) -> str:
    """RFC 3339 with milliseconds in the local zone."""
    whole, part = divmod(int(seconds * 1000), 1000)
    start, zone = _second(whole)
    return f"{start}.{part:03d}{zone}"


@lru_cache(maxsize=4)
def _second(whole: int) -> tuple[str, str]:
    """What stands before and after the fraction; events come many a second."""
    text = utc(whole).astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
    return text[:19], text[19:]


def _json(facts: Mapping[str, Any]) -> str:
    return _escaped(json.dumps(facts, ensure_ascii=False))


def _text(facts: Mapping[str, Any]) -> str:
    return " ".join([f"{key}={_quoted(str(value))}" for key, value in facts.items()])


@lru_cache(maxsize=1024)
def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    plain = bool(value) and value.isprintable() and not set(value) & set(' ="')
    return value if plain else _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    """JSON text without characters that a terminal obeys or a file cannot hold."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
