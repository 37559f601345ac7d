"""The tree that shows how a run stands: a pure function from the run to text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dagu_core.base.clock import rfc3339
from dagu_core.cli.excerpt import Excerpt, printable, read_excerpt
from dagu_core.cli.output import clock_time, duration, width
from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.run.run import RunSummary, StepRun
from dagu_core.model.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from dagu_core.app.views import RunView

#: Columns for the text of a block under the last step, where no bar stands beside it. A bar costs
#: two: its bytes are counted, and the layout is kept as it is known.
LAST_ROOM = 72
BAR = 2
_TIMED = {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.RUNNING, StepStatus.PARTIALLY_SUCCEEDED}
_BARE = {StepStatus.SKIPPED, StepStatus.ABORTED, StepStatus.NOT_STARTED}
_STEP_COLOUR, _TIME_COLOUR = 110, 245

ReadLog = Callable[[str], Excerpt]
ShowCommand = Callable[[PlannedStep, str], str]


def render_tree(
    view: RunView,
    *,
    now: float,
    colour: bool = False,
    read: ReadLog = read_excerpt,
    show_command: ShowCommand | None = None,
    timed: bool = True,
) -> str:
    """The whole tree without a newline at its end; `now` in epoch seconds.

    `read` gives the lines of a log file; `show_command` puts values into a command line; without
    `timed` steps have no durations.
    """
    summary = view.summary
    steps = list(zip(view.plan.steps, view.steps, strict=False))
    status = status_text(view, now)
    lines = [f"{status} - {rfc3339(summary.started_at if summary.started_at is not None else now)}", ""]
    took = _run_duration(summary, now)
    lines += [f"dag: {summary.ref.dag}" + (_paint(f" ({took})", _TIME_COLOUR, colour) if took else ""), "│"]
    for position, (step, state) in enumerate(steps):
        last = position == len(steps) - 1
        lines.append(("└─" if last else "├─") + _step_line(step, state, now if timed else None, colour))
        stem = "  " if last else "│ "
        lines += [stem + line for line in _children(step, state, last, read, show_command)]
        if not last:
            lines.append("│ ")
    word = "Status" if summary.status is RunStatus.RUNNING else "Result"
    return "\n".join([*lines, "", f"{word}: {status}"])


def status_text(view: RunView, now: float) -> str:
    """The status for people, and since when the process of a running run is gone."""
    summary = view.summary
    if summary.status is not RunStatus.RUNNING or view.alive:
        return summary.status.title
    ago = "" if view.lost_at is None else f" {clock_time(now - view.lost_at)} ago"
    return f"{summary.status.title} (process lost{ago})"


def _run_duration(summary: RunSummary, now: float) -> str:
    if summary.started_at is None:
        return ""
    end = now if summary.status.is_active and summary.finished_at is None else summary.finished_at
    return "" if end is None else duration(end - summary.started_at)


def _step_line(step: PlannedStep, state: StepRun, now: float | None, colour: bool) -> str:
    text = _paint(printable(step.name), _STEP_COLOUR, colour)
    if now is not None and state.status in _TIMED and state.started_at is not None:
        end = now if state.finished_at is None else state.finished_at
        text += _paint(f" ({duration(end - state.started_at)})", _TIME_COLOUR, colour)
    return text if state.status is StepStatus.NOT_STARTED else f"{text} [{state.status.label}]"


def _paint(text: str, number: int, colour: bool) -> str:
    return f"\x1b[38;5;{number}m{text}\x1b[0m" if colour else text


def _children(
    step: PlannedStep, state: StepRun, last: bool, read: ReadLog, show_command: ShowCommand | None
) -> Iterator[str]:
    """The lines under a step: groups of blocks with a separator line between the groups."""
    if state.status in _BARE:
        return
    room = LAST_ROOM if last else LAST_ROOM - BAR
    shown = show_command or (lambda _, text: text)
    commands = [block for text in _commands(step) if (block := wrap(printable_line(shown(step, text)), room))]
    children = [[_child(run.run_id, run.params)] for run in state.children]
    errors = [wrapped] if (wrapped := _error(state, room)) else []
    outputs = _outputs(state, read, room, more=bool(children or errors))
    groups = [group for group in (commands, outputs, children, errors) if group]
    for number, group in enumerate(groups):
        if number:
            yield "│"
        for position, block in enumerate(group):
            final = number == len(groups) - 1 and position == len(group) - 1
            hang = "    " if final else "│   "
            yield ("└─" if final else "├─") + block[0]
            yield from (hang + line for line in block[1:])


def _commands(step: PlannedStep) -> tuple[str, ...]:
    return (" ".join(map(_quoted, step.exec)),) if step.exec else step.commands_shown


def _quoted(word: str) -> str:
    plain = bool(word) and not set(word) & set(" \t\n\"'")
    return word if plain else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _outputs(state: StepRun, read: ReadLog, room: int, *, more: bool) -> list[list[str]]:
    """The blocks of stdout and stderr; `more` = other blocks follow."""
    streams = [("stdout", state.stdout)]
    if state.stderr != state.stdout:
        streams.append(("stderr", state.stderr))
    found = [(label, text) for label, path in streams if (text := read(path))]
    blocks = []
    for position, (label, text) in enumerate(found):
        final = not more and position == len(found) - 1
        blocks.append(_output(label, text, room + BAR if final else room))
    return blocks


def _output(label: str, found: Excerpt, room: int) -> list[str]:
    if found.note:
        return [f"{label}: {found.note}"]
    if len(found.lines) == 1 and not found.hidden and width(found.lines[0]) <= room - 8:
        return [f"{label}: {found.lines[0]}"]
    head = f"{label}: ... ({found.hidden} more lines)" if found.hidden else f"{label}:"
    return [head, *(piece for line in found.lines for piece in wrap(line, room))]


def _child(run_id: str, params: str) -> str:
    return f"subdag: {run_id}" + (f" [{printable_line(params)}]" if params else "")


def _error(state: StepRun, room: int) -> list[str]:
    # What follows the first line is the end of stderr, which has a block of its own.
    lines = state.error.strip().splitlines()
    if state.status is not StepStatus.FAILED or not lines:
        return []
    return wrap(printable(f"error: {lines[0]}"), room)


def printable_line(text: str) -> str:
    """`text` on one line, without control characters."""
    return printable(" ".join(text.split("\n")).strip())


def wrap(text: str, columns: int) -> list[str]:
    """Break at blanks; a word longer than a line is cut. A text that fits stays as it is."""
    if width(text) <= columns:
        return [text] if text else []
    lines, line = [], ""
    for word in text.split():
        if line and width(line) + 1 + width(word) <= columns:
            line += " " + word
            continue
        if line:
            lines.append(line)
        *full, line = _cut(word, columns)
        lines += full
    return [*lines, line]


def _cut(word: str, columns: int) -> list[str]:
    if word.isascii():
        return [word[start : start + columns] for start in range(0, len(word), columns)]
    pieces, piece, used = [], "", 0
    for char in word:
        size = width(char)
        if used + size > columns:
            pieces.append(piece)
            piece, used = "", 0
        piece += char
        used += size
    return [*pieces, piece]
