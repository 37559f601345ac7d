"""`dagu status`: how a run stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, say
from dagu_core.cli.watching import tree

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("status", short_help="Show how a run stands.")
@dag_argument()
@run_id_option
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, in_json: bool) -> int:
    """Show how the latest run of a DAG stands, or the run with this id."""

    async def work(app: App) -> RunView:
        return await app.history.get(dag, run_id)

    view = invocation.run(work)
    say(as_json(view.details()) if in_json else tree(invocation, view))
    return 0
