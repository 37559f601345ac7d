"""`dagu enqueue`: record a run and let a runner take it from its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import (
    VerbWithWords,
    dag_argument,
    json_option,
    name_option,
    new_run_id_option,
    params_option,
    text_option,
    working_dir_option,
)
from dagu_core.cli.output import as_json, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.model.run.run import RunSummary


@click.command("enqueue", cls=VerbWithWords, short_help="Put a run into a queue.")
@dag_argument(metavar="DAG [-- PARAMS...]")
@params_option
@name_option
@new_run_id_option
@text_option("-u", "--queue", metavar="NAME", help="The queue (default: the one of the DAG).")
@click.option("--priority", type=int, default=0, metavar="N", help="Higher goes first (default: 0).")
@working_dir_option
@json_option
@pass_invocation
def command(
    invocation: Invocation,
    /,
    dag: str,
    words: tuple[str, ...] | None,
    params: str | None,
    name: str,
    run_id: str,
    queue: str,
    priority: int,
    default_working_dir: str,
    in_json: bool,
) -> int:
    """Put a run into a queue and return at once."""
    from dagu_core.app.requests import StartRequest
    from dagu_core.app.views import summary_shape

    request = StartRequest(
        dag=dag,
        params=params,
        words=words or (),
        run_id=run_id,
        name=name,
        default_working_dir=default_working_dir,
        queue=queue,
        priority=priority,
    )

    async def work(app: App) -> RunSummary:
        return await app.runs.enqueue(request)

    summary = invocation.run(work)
    if in_json:
        say(as_json(summary_shape(summary)))
    elif not invocation.quiet:
        say(f"Enqueued {summary.ref} in queue {summary.queue}")
    return 0
