"""The tree of a run that grows on a terminal while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagu_core.base.clock import Clock
from dagu_core.cli.board import Board
from dagu_core.cli.excerpt import printable
from dagu_core.cli.output import duration
from dagu_core.model.run.events import Event, Noted, RunEnded
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import StepStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dagu_core.app.views import RunView

REFRESH_PER_SECOND = 8
_STYLES = {
    StepStatus.NOT_STARTED: "dim",
    StepStatus.RUNNING: "cyan",
    StepStatus.FAILED: "red",
    StepStatus.REJECTED: "red",
    StepStatus.ABORTED: "dim",
    StepStatus.SUCCEEDED: "green",
    StepStatus.PARTIALLY_SUCCEEDED: "green",
    StepStatus.SKIPPED: "dim",
}
_WAITING = "yellow"


@contextmanager
def live_display(clock: Clock) -> Iterator[Callable[[RunView, Event], None]]:
    """Show the runs it is told about on stderr until the block ends; nothing of their trees stays."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    boards: dict[RunRef, Board] = {}
    seen: set[RunRef] = set()
    # Frames are drawn in a thread of rich, events come from the loop.
    lock = threading.Lock()

    def frame() -> RenderableType:
        text = Text(no_wrap=True, overflow="ellipsis")
        with lock:
            now = clock.now()
            rows = (console.height - 1) // max(1, len(boards))
            for ref, board in list(boards.items())[: console.height - 1]:
                for line in board.lines(now, max(1, rows), title(ref)):
                    style = "" if line.status is None else _STYLES.get(line.status, _WAITING)
                    text.append("\n" if text else "").append(line.text, style)
        return text

    def title(ref: RunRef) -> str:
        """Which run a line is about, where there is more than one."""
        return f"{ref.dag} ({ref.run_id}): " if len(seen) > 1 else ""

    with Live(
        get_renderable=frame, console=console, refresh_per_second=REFRESH_PER_SECOND, transient=True
    ) as live:

        def watch(view: RunView, event: Event) -> None:
            ref = view.summary.ref
            if isinstance(event, RunEnded):
                with lock:
                    boards.pop(ref, None)
                live.console.print(Text(title(ref) + verdict(view, clock.now())), soft_wrap=True)
                return
            with lock:
                known = ref in boards
                if known:
                    boards[ref].tell(view, event)
                else:
                    boards[ref] = Board(view)
                    seen.add(ref)
            if not known:
                live.console.print(Text(header(view)), soft_wrap=True)
                live.refresh()
            if isinstance(event, Noted):
                live.console.print(Text(f"! {printable(event.message)}", _WAITING), soft_wrap=True)

        yield watch


def header(view: RunView) -> str:
    """`> NAME (RUNID) [PARAMS]`."""
    summary = view.summary
    params = " ".join(f"{name}={value}" for name, value in summary.params)
    return f"> {summary.ref.dag} ({summary.ref.run_id})" + (f" [{printable(params)}]" if params else "")


def verdict(view: RunView, now: float) -> str:
    """The last line: a tick or a cross, the status, how long it took."""
    summary = view.summary
    ended = summary.finished_at if summary.finished_at is not None else now
    took = duration(ended - (summary.started_at if summary.started_at is not None else ended))
    good = summary.status.is_success or summary.status.is_active
    return f"{'✓' if good else '✗'} {summary.status.title} ({took})"
