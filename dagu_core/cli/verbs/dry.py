"""`dagu dry`: walk through a DAG without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import VerbWithWords, dag_argument, name_option, params_option
from dagu_core.cli.watching import finish

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("dry", cls=VerbWithWords, short_help="Show what a run would do.")
@dag_argument(metavar="DAG [-- PARAMS...]")
@params_option
@name_option
@pass_invocation
def command(
    invocation: Invocation, /, dag: str, words: tuple[str, ...] | None, params: str | None, name: str
) -> int:
    """Walk through a DAG without running anything; nothing is recorded."""
    from dagu_core.app.requests import StartRequest

    request = StartRequest(dag=dag, params=params, words=words or (), name=name)

    async def work(app: App) -> RunView:
        return await app.runs.dry(request)

    return finish(invocation, invocation.run(work), dry=True)
