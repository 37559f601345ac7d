"""`dagu start-all`: everything one machine needs, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dags_option
from dagu_core.cli.output import tell

if TYPE_CHECKING:
    from dagu_core.app.app import App


@click.command("start-all", short_help="Scheduler and runners in one.")
@dags_option
@pass_invocation
def command(invocation: Invocation, /) -> int:
    """Start what is due and carry out what is queued: scheduler and runners in one.

    Several may run on one home; one of them leads. SIGTERM and Ctrl-C end it; what runs goes on and
    is joined by the next service.
    """

    invocation.begin_home()

    async def work(app: App) -> None:
        from dagu_core.service.processes import run_scheduler

        say = (lambda text: None) if invocation.quiet else tell
        await run_scheduler(app, runners=True, page=False, say=say)

    invocation.run(work)
    return 0
