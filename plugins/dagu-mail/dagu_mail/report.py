"""What a notification says: how the run and its steps stand, as HTML and as plain text."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from dagu_core import Plan, RunStatus, RunSummary, StepRun, StepStatus
from dagu_mail.letter import Enclosure

#: rows of the table; those that did not succeed come first when there are more steps
ROWS = 500
#: characters of one cell
CELL = 2000
#: bytes of all attached logs together
TOTAL = 16 << 20
_COLUMNS = ("#", "Step", "Started At", "Finished At", "Status", "Command", "Error")
_COLOURS = {
    "succeeded": "#1a7f37",
    "partially_succeeded": "#9a6700",
    "failed": "#cf222e",
    "waiting": "#8250df",
}
_CELL = "border:1px solid #d0d7de;padding:4px 8px;text-align:left;vertical-align:top"


@dataclass(frozen=True, slots=True)
class Report:
    """One run as of now; `step` is the one the mail is about, "" = the run."""

    plan: Plan
    run: RunSummary
    steps: Mapping[str, StepRun]
    step: str = ""

    def subject(self, prefix: str) -> str:
        """`[ERR] backup (failed)`."""
        return f"{prefix.strip()} {self.run.ref.dag} ({self.run.status.label})".strip()

    def html(self, notes: Sequence[str] = ()) -> str:
        """A page with a badge, the facts of the run and a table of its steps; values are escaped."""
        facts = "".join(
            f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{_lines(value)}</td></tr>'
            for name, value in self._facts()
        )
        head = "".join(f'<th style="{_CELL}">{name}</th>' for name in _COLUMNS)
        rows = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{_lines(cell)}</td>' for cell in row) + "</tr>"
            for row in self._rows()
        )
        remarks = "".join(f"<p>{escape(note)}</p>" for note in (*self._left_out(), *notes))
        return (
            '<!DOCTYPE html>\n<html><head><meta charset="utf-8">'
            f"<title>{escape(self.run.ref.dag)}</title></head>"
            f'<body style="font-family:sans-serif;font-size:14px">\n<p>{_badge(self.run.status)}</p>\n'
            f'<table style="border-collapse:collapse">{facts}</table>\n<br>\n'
            f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
            f"<tbody>\n{rows}\n</tbody></table>\n{remarks}</body></html>\n"
        )

    def text(self, notes: Sequence[str] = ()) -> str:
        """The same for those who read plain text."""
        facts = [f"{name}: {value}" for name, value in self._facts()]
        rows = [
            f"{number:>3}. {name}: {status}" + (f"\n     {error}" if error else "")
            for number, name, _, _, status, _, error in self._rows()
        ]
        remarks = (*self._left_out(), *notes)
        return "\n".join([*facts, "", *rows, *([""] if remarks else []), *remarks, ""])

    def logs(self, with_stderr: bool, most: int) -> tuple[list[Enclosure], list[str]]:
        """(the logs of the steps, what to say of those that are not whole). Empty ones are skipped."""
        found: list[Enclosure] = []
        notes: list[str] = []
        left = TOTAL
        for name in self._names():
            step = self.steps[name]
            paths = [step.stdout] + ([step.stderr] if with_stderr else [])
            for path in dict.fromkeys(each for each in paths if each):
                content, size = _end_of(path, min(most, left))
                if content:
                    found.append(Enclosure(os.path.basename(path), content))
                    left -= len(content)
                if len(content) < size:
                    part = f"its last {len(content)} bytes are" if content else "it is not"
                    notes.append(f"The log {os.path.basename(path)} has {size} bytes: {part} attached.")
        return found, notes

    def _facts(self) -> list[tuple[str, str]]:
        run = self.run
        facts = [
            ("DAG", run.ref.dag),
            ("Run", run.ref.run_id),
            ("Status", run.status.title),
            ("Parameters", " ".join(f"{name}={value}" for name, value in run.params) or "(none)"),
            ("Started At", _time(run.started_at)),
            ("Finished At", _time(run.finished_at)),
        ]
        if run.error:
            facts.append(("Error", run.error))
        if self.step:
            facts.insert(0, ("Failed step", self.step))
        return facts

    def _names(self) -> list[str]:
        """The steps in the order of the file, then the handlers that were used."""
        return [
            node.name
            for node in self.plan.nodes
            if node.name in self.steps
            and not (node.handler and self.steps[node.name].status is StepStatus.NOT_STARTED)
        ]

    def _shown(self) -> list[str]:
        names = self._names()
        if len(names) > ROWS:
            names = sorted(names, key=lambda name: self.steps[name].status.is_success)[:ROWS]
        return names

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name in self._shown():
            node, step = self.plan.nodes[self.plan.by_name[name]], self.steps[name]
            times = _time(step.started_at), _time(step.finished_at)
            command = "\n".join(node.commands_shown)
            number = str(node.index + 1)
            rows.append((number, name, *times, step.status.title, _cut(command), _cut(step.error)))
        return rows

    def _left_out(self) -> list[str]:
        more = len(self._names()) - ROWS
        return [f"{more} more steps are not listed."] if more > 0 else []


def _badge(status: RunStatus) -> str:
    colour = _COLOURS.get(status.label, "#57606a")
    style = f"background:{colour};color:#ffffff;border-radius:4px;padding:3px 10px;font-weight:bold"
    return f'<span style="{style}">{escape(status.title)}</span>'


def _end_of(path: str, most: int) -> tuple[bytes, int]:
    """(the last bytes of a log, from the beginning of a line, and its size)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return b"", 0
            size = facts.st_size
            file.seek(max(0, size - most))
            content = file.read(min(size, most))
    except OSError:
        return b"", 0
    if len(content) < size:
        # Not from the middle of a line, unless that line is all there is.
        content = content.partition(b"\n")[2] or content
    return content, size


def _time(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def _cut(text: str) -> str:
    return text if len(text) <= CELL else f"{text[:CELL]} …"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br />")
