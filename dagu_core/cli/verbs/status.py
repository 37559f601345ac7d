"""`dagu status`: how a run stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, say
from dagu_core.cli.watching import tell_error, tree

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
        return await app.history.get(app.dags.name_of(dag), run_id)

    view = invocation.run(work)
    if in_json:
        say(as_json(view.details()))
    else:
        say(tree(invocation, view))
        tell_error(view)
    return 0
