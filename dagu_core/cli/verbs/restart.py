"""`dagu restart`: stop a run and run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, priority_option, queue_option, run_id_option
from dagu_core.cli.watching import finish, watching

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("restart", short_help="Stop a run and run it again under a new id.")
@dag_argument()
@run_id_option
@queue_option
@priority_option()
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, queue: str, priority: int | None) -> int:
    """Stop a running run, then run the same definition with the same parameters under a new id."""

    from dagu_core.app.requests import Standing

    async def work(app: App) -> RunView:
        from dagu_core.app.history import known_dag

        line = Standing(queue, priority)
        with watching(invocation) as watch:
            return await app.runs.restart(await known_dag(app, dag), run_id, watch=watch, line=line)

    return finish(invocation, invocation.run(work))
