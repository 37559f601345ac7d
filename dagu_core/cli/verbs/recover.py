"""`dagu recover`: take over what a dead process left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, say
from dagu_core.cli.watching import watching

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("recover", short_help="Take over the runs whose process died, and end them.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, in_json: bool) -> int:
    """Take over every run whose process died and drive it to its end.

    Steps that still run are joined, not started again. The exit code tells how the runs ended.
    """

    async def work(app: App) -> list[RunView]:
        with watching(invocation) as watch:
            return await app.runs.recover(watch=watch)

    views = invocation.run(work)
    if in_json:
        say(as_json([view.brief() for view in views]))
    elif not invocation.quiet:
        lines = [f"Recovered {view.summary.ref}: {view.summary.status.title}" for view in views]
        say("\n".join(lines) or "No run has lost its process")
    return max((view.exit_code for view in views), default=0)
