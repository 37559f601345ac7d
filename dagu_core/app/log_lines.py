"""What a run says about itself, line by line: its log file and the lines on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
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
    from dagu_core.base.settings import Settings

#: what stands in a line as it is; most values do
_PLAIN = re.compile(r"[!#-<>-~]+")

Line = tuple[str, str, dict[str, Any]]  # level, message, facts
Lines = Generator[Line, None, None]

_VERDICTS = {
    StepStatus.FAILED: ("ERROR", "Step failed"),
    StepStatus.RETRYING: ("WARN", "Step failed and will be tried again"),
    StepStatus.ABORTED: ("WARN", "Step aborted"),
    StepStatus.SKIPPED: ("INFO", "Step skipped"),
}


class LogLines:
    """Events as lines. `form` is `text` (key=value) or `json`, one object a line. With `debug` more is told,
    and of every line where in this program it was made (`source=FILE:LINE`)."""

    def __init__(self, form: str = "text", *, debug: bool = False) -> None:
        self._write = _json if form == "json" else _text
        self._debug = debug
        #: the event that was told last, and how
        self._last: tuple[Event | None, str] = (None, "")

    @classmethod
    def of(cls, settings: Settings) -> LogLines:
        """As the settings say, and the variable DEBUG, whatever its value."""
        core = settings.core
        return cls(core.log_format, debug=core.debug or bool(settings.environ.get("DEBUG")))

    def told(self, event: Event, view: RunView) -> str:
        """The line (or lines, joined by newlines) an event is told with; "" when it is not told.

        `view` is the run after the commit that holds the event.
        """
        if self._last[0] is event:
            return self._last[1]  # the run's log and whoever watches are told one after the other
        ref = view.summary.ref
        who = {"name": ref.dag, "run-id": ref.run_id, "attempt-id": view.summary.attempt_id, "dag": ref.dag}
        lines = "\n".join(
            [
                self._write({"time": milliseconds(event.at), "level": level, "msg": message} | who | facts)
                for level, message, facts in (self._all(event, view) if self._debug else _lines(event, view))
            ]
        )
        self._last = (event, lines)
        return lines

    def warning(self, message: str, at: float) -> str:
        """The line of a warning that belongs to no run; `at` in epoch seconds."""
        return self._write({"time": milliseconds(at), "level": "WARN", "msg": message})

    @staticmethod
    def _all(event: Event, view: RunView) -> Iterator[Line]:
        lines: Any  # as generators, which the types have no frame for
        for lines in (_lines(event, view), _details(event, view)):
            for level, message, facts in lines:
                source = f"{Path(lines.gi_code.co_filename).name}:{lines.gi_frame.f_lineno}"
                yield level, message, facts | {"source": source}


def _details(event: Event, view: RunView) -> Lines:
    """What only those want to know who look for a mistake."""
    match event:
        case ConditionsChecked(results=results):
            for result in results:
                yield "DEBUG", "Precondition checked", {"condition": result.condition, "met": result.met}
        case AttemptStarted(step=step, number=number):
            node, state = view.plan.nodes[view.plan.by_name[step]], view.steps[view.plan.by_name[step]]
            command = "; ".join(node.commands_shown)
            logs = {"stdout": state.stdout, "stderr": state.stderr}
            facts = {"step": step, "attempt": number, "type": node.executor, "command": command, **logs}
            yield "DEBUG", "Attempt is carried out", {key: value for key, value in facts.items() if value}
        case AttemptEnded(step=step, number=number, outcome=outcome):
            facts = {"step": step, "attempt": number, "ended": outcome.ended, "exit-code": outcome.exit_code}
            yield (
                "DEBUG",
                "Attempt is over",
                {key: value for key, value in facts.items() if value is not None},
            )
        case StepSettled(step=step, reason=reason):
            yield "DEBUG", "Step is settled", {"step": step, "reason": reason}


def _lines(event: Event, view: RunView) -> Lines:
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


def _run_ended(status: RunStatus, view: RunView) -> Lines:
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
