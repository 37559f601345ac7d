"""What a terminal shows of a run while it goes on: a window on its steps, kept up event by event."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dagu_core.cli.excerpt import printable
from dagu_core.cli.output import clock_time, duration
from dagu_core.model.run.events import Event, RunRecovered, RunReset, RunStarted
from dagu_core.model.run.reasons import SENTENCES
from dagu_core.model.run.run import StepRun
from dagu_core.model.status import StepStatus

if TYPE_CHECKING:
    from dagu_core.app.views import RunView

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_SECONDS = 0.1
_ICONS = {
    StepStatus.NOT_STARTED: "·",
    StepStatus.FAILED: "✗",
    StepStatus.ABORTED: "■",
    StepStatus.SUCCEEDED: "✓",
    StepStatus.SKIPPED: "-",
    StepStatus.PARTIALLY_SUCCEEDED: "✓",
    StepStatus.WAITING: "⏸",
    StepStatus.REJECTED: "✗",
    StepStatus.RETRYING: "↻",
    StepStatus.BLOCKED: "⏸",
}
_TIMED = {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.PARTIALLY_SUCCEEDED, StepStatus.RUNNING}
_BAD = {StepStatus.FAILED, StepStatus.REJECTED}
#: ended steps remembered for the window; no terminal has more lines for them
_KEPT = 200
#: characters of an error that may matter on one line
_SENTENCE = 300


class Line(NamedTuple):
    """One line of the board; `status` is that of the step it is about."""

    text: str
    status: StepStatus | None = None


class Board:
    """The steps of one run by how they stand. An event costs O(1), a frame O(lines shown)."""

    def __init__(self, view: RunView) -> None:
        self.view = view
        self._count()

    def tell(self, view: RunView, event: Event) -> None:
        """Take up one committed event."""
        self.view = view
        if isinstance(event, RunStarted | RunReset | RunRecovered):
            self._count()
        elif (step := getattr(event, "step", "")) and (index := view.plan.by_name.get(step)) is not None:
            self._place(index)

    @property
    def progress(self) -> tuple[int, int]:
        """How many steps ended, of how many; handlers do not count."""
        done = sum(count for status, count in self._tally.items() if status.is_over)
        return done, self.view.plan.step_count

    def lines(self, now: float, rows: int, title: str = "") -> list[Line]:
        """At most so many lines (one at least): steps, what is left out, the progress line, which
        begins with `title`."""
        room, total = rows - 1, self.view.plan.step_count + len(self._handlers)
        shown: Sequence[int] = ()
        rest = []
        if total <= room:
            shown = [*range(self.view.plan.step_count), *self._handlers]
        elif room > 1:
            shown = self._window(room - 1)
            rest = [Line(f"└─… {self._rest(shown)}", StepStatus.NOT_STARTED)]
        lines = []
        for place, index in enumerate(shown, 1):
            branch = "└─" if place == len(shown) and not rest else "├─"
            lines.append(Line(branch + self._step(index, now), self.view.steps[index].status))
        return [*lines, *rest, Line(title + self._progress(now))]

    def _count(self) -> None:
        """Look at every step; only when a run, or an attempt of it, begins."""
        self._status: dict[int, StepStatus] = {}
        self._tally: Counter[StepStatus] = Counter()
        self._running: dict[int, None] = {}
        self._waiting: dict[int, None] = {}
        self._failed: deque[int] = deque(maxlen=_KEPT)
        self._ended: deque[int] = deque(maxlen=_KEPT)
        self._handlers: list[int] = []
        for index, state in enumerate(self.view.steps):
            if state.status is not StepStatus.NOT_STARTED:
                self._place(index)

    def _place(self, index: int) -> None:
        status, before = self.view.steps[index].status, self._status.get(index)
        if status is before:
            return
        self._status[index] = status
        if index >= self.view.plan.step_count:
            if before is None:
                self._handlers.append(index)
        else:
            self._tally[status] += 1
            if before is not None:
                self._tally[before] -= 1
        self._running.pop(index, None)
        self._waiting.pop(index, None)
        if status is StepStatus.RUNNING:
            self._running[index] = None
        elif not status.is_over:
            self._waiting[index] = None
        elif status in _BAD:
            self._failed.append(index)
        else:
            self._ended.append(index)

    def _window(self, room: int) -> list[int]:
        """The steps that matter most now: running, waiting, failed, then the last that ended."""
        # A failure of long ago must not vanish behind a thousand running steps.
        failed = list(dict.fromkeys(reversed(self._failed)))[: max(1, room // 4)]
        chosen = dict.fromkeys(failed)
        for index in self._by_interest():
            if len(chosen) >= room:
                break
            chosen[index] = None
        return sorted(chosen)

    def _by_interest(self) -> Iterator[int]:
        yield from self._running
        yield from self._waiting
        yield from reversed(self._failed)
        yield from reversed(self._ended)

    def _rest(self, shown: Sequence[int]) -> str:
        left = self._tally.copy()
        steps = [index for index in shown if index < self.view.plan.step_count]
        left.subtract(self._status[index] for index in steps)
        total = self.view.plan.step_count - len(steps)
        left[StepStatus.NOT_STARTED] = total - sum(left.values())
        words = [f"{count:,} {status.label.replace('_', ' ')}" for status, count in left.items() if count]
        return f"{total:,} more: {', '.join(words)}"

    def _step(self, index: int, now: float) -> str:
        node, state = self.view.plan.nodes[index], self.view.steps[index]
        icon = _ICONS.get(state.status, "")
        if state.status is StepStatus.RUNNING:
            icon = "↻" if state.wake_at is not None else FRAMES[int(now / FRAME_SECONDS) % len(FRAMES)]
        text = f"{icon} {node.handler.value if node.handler else printable(node.name)}"
        if state.status in _TIMED and state.started_at is not None:
            ended = now if state.finished_at is None else state.finished_at
            text += f" ({duration(ended - state.started_at)})"
        # The line names the step already.
        about = _about(state, now).replace(f'failed to execute step "{node.name}": ', "")
        return f"{text}  {printable(about)}" if about else text

    def _progress(self, now: float) -> str:
        done, total = self.progress
        elapsed = clock_time(now - (self.view.summary.started_at or now))
        return f"{100 * done // max(1, total)}% ({done}/{total} steps) {elapsed}"


def _about(state: StepRun, now: float) -> str:
    """What else there is to say about a step: its attempt, what it waits for, why it ended so."""
    error = state.error.partition("\n")[0][:_SENTENCE]
    reason = SENTENCES.get(state.reason, "")
    if state.status in (StepStatus.NOT_STARTED, StepStatus.SUCCEEDED):
        return ""
    if state.status is StepStatus.RUNNING and state.wake_at is None:
        words = [f"attempt {state.attempts}"] if state.attempts > 1 else []
        words += [f"{len(state.children):,} sub-DAG runs"] if len(state.children) > 1 else []
        return ", ".join([*words, *(["stopping"] if state.stopping else [])])
    if state.status.is_over:
        quiet = state.status in (StepStatus.SKIPPED, StepStatus.ABORTED)
        return reason or error if quiet else error
    due = "" if state.wake_at is None else f"again in {clock_time(max(0.0, state.wake_at - now) + 0.999)}"
    return ": ".join(word for word in (due, error or reason) if word)
