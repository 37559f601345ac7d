"""One line on a terminal that tells how far a run has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagu_core.base.clock import Clock
from dagu_core.cli.excerpt import printable
from dagu_core.cli.output import clock_time, duration
from dagu_core.model.run.events import Event, RunEnded
from dagu_core.model.status import StepStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dagu_core.app.views import RunView


@contextmanager
def live_display(clock: Clock) -> Iterator[Callable[[RunView, Event], None]]:
    """Show the progress of the run it is told about on stderr until the block ends."""
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    spinner = Spinner("dots")
    latest: list[RunView] = []

    def renderable() -> RenderableType:
        if not latest:
            return Text("")
        spinner.update(text=Text(progress(latest[-1], clock.now())))
        return spinner

    with Live(get_renderable=renderable, console=console, refresh_per_second=8, transient=True) as live:

        def watch(view: RunView, event: Event) -> None:
            if not latest:
                live.console.print(Text(header(view)), soft_wrap=True)
            latest[:] = [view]
            if isinstance(event, RunEnded):
                live.console.print(Text(verdict(view, clock.now())), soft_wrap=True)

        yield watch


def header(view: RunView) -> str:
    """`> NAME (RUNID) [PARAMS]`."""
    summary = view.summary
    params = " ".join(f"{name}={value}" for name, value in summary.params)
    return f"> {summary.ref.dag} ({summary.ref.run_id})" + (f" [{printable(params)}]" if params else "")


def progress(view: RunView, now: float) -> str:
    """`NN% (done/total steps) elapsed  names of the steps that run`."""
    steps = list(zip(view.plan.steps, view.steps, strict=False))
    done = sum(state.status.is_over for _, state in steps)
    running = [step.name for step, state in steps if state.status is StepStatus.RUNNING]
    names = ", ".join(running[:3]) + (f" and {len(running) - 3} more" if len(running) > 3 else "")
    percent = 100 * done // max(1, len(steps))
    elapsed = clock_time(now - (view.summary.started_at or now))
    return f"{percent}% ({done}/{len(steps)} steps) {elapsed}" + (f"  {printable(names)}" if names else "")


def verdict(view: RunView, now: float) -> str:
    """The last line: a tick or a cross, the status, how long it took."""
    summary = view.summary
    ended = summary.finished_at if summary.finished_at is not None else now
    took = duration(ended - (summary.started_at if summary.started_at is not None else ended))
    good = summary.status.is_success or summary.status.is_active
    return f"{'✓' if good else '✗'} {summary.status.title} ({took})"
