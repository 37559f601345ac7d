"""What a person or a log collector sees while a run goes on, and when it is over."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagu_core.cli.excerpt import read_excerpt
from dagu_core.cli.invocation import Invocation, in_colour, on_terminal
from dagu_core.cli.output import OutputLost, say, tell
from dagu_core.cli.tree import render_tree

if TYPE_CHECKING:
    from dagu_core.app.log_lines import LogLines
    from dagu_core.app.views import RunView
    from dagu_core.model.run.events import Event

Watch = Callable[["RunView", "Event"], None]


@contextmanager
def watching(invocation: Invocation) -> Iterator[Watch | None]:
    """What to call after every commit: a live display on a terminal, log lines elsewhere, None
    with `-q`."""
    if invocation.quiet:
        yield None
    elif shows_progress():
        from dagu_core.cli.live import live_display

        for warning in (*invocation.host.warnings, *invocation.settings.warnings):
            tell(f"Warning: {warning}")
        with live_display(invocation.clock) as display:
            yield display
    else:
        for warning in (*invocation.host.warnings, *invocation.settings.warnings):
            tell(invocation.lines.warning(warning, invocation.clock.now()))
        yield log_lines_to_stderr(invocation.lines)


def shows_progress() -> bool:
    """Whether stderr is a terminal that can redraw lines, and nobody minds."""
    wanted = not os.environ.get("DISABLE_PROGRESS") and os.environ.get("TERM") != "dumb"
    return wanted and on_terminal(sys.stderr)


def log_lines_to_stderr(lines: LogLines) -> Watch:
    """Tell every event of a run as a line on stderr."""

    def watch(view: RunView, event: Event) -> None:
        if line := lines.told(event, view):
            tell(line)

    return watch


def finish(invocation: Invocation, view: RunView, *, dry: bool = False) -> int:
    """Print the tree of a run that is over, unless quiet; return the exit code."""
    if not invocation.quiet:
        try:
            say(tree(invocation, view, dry=dry) + "\n", at_once=True)
        except OutputLost as error:
            # A full disk, a terminal that was hung up: how the run ended still counts.
            tell(f"Error: {error}")
        if on_terminal(sys.stderr):
            # Elsewhere a log line has told it.
            tell_error(view)
    return view.exit_code


def tell_error(view: RunView) -> None:
    """Tell on stderr why a run as a whole went wrong; no step of the tree shows that."""
    if view.summary.error and not view.summary.status.is_success:
        tell(f"Error: {view.summary.error}")


def tree(invocation: Invocation, view: RunView, *, dry: bool = False) -> str:
    """The tree of a run as this stdout can show it; `dry` = without times and values."""
    from dagu_core.app.commands_shown import with_values

    escape = on_terminal(sys.stdout)
    return render_tree(
        view,
        now=invocation.clock.now(),
        colour=in_colour(),
        read=lambda path: read_excerpt(path, escape=escape),
        show_command=None if dry else with_values(view),
        timed=not dry,
    )
