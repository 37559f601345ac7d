"""`dagu stop`: ask running runs to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.model.run.run import RunRef


@click.command("stop", short_help="Stop running runs of a DAG.")
@dag_argument()
@run_id_option
@click.option("--force", is_flag=True, help="Kill the steps at once; no handler runs.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, force: bool, in_json: bool) -> int:
    """Stop a run, or every running run of a DAG. Nothing running is fine."""

    async def work(app: App) -> list[RunRef]:
        from dagu_core.app.history import known_dag

        return await app.runs.stop(await known_dag(app, dag), run_id, force=force)

    refs = invocation.run(work)
    if in_json:
        say(as_json([{"name": ref.dag, "dagRunId": ref.run_id} for ref in refs]))
    elif not invocation.quiet:
        say("\n".join(f"Stopping {ref}" for ref in refs) or f"No run of {dag} is running")
    return 0
