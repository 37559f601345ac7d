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
    priority_option,
    queue_option,
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
@queue_option
@priority_option("normal")
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
    priority: int | None,
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

    async def work(app: App) -> tuple[RunSummary, int]:
        summary = await app.runs.enqueue(request)
        return summary, await app.queues.position(summary.ref)

    summary, position = invocation.run(work)
    if in_json:
        say(as_json(summary_shape(summary) | {"position": position}))
    elif not invocation.quiet:
        place = f"number {position}" if position else "its turn has come"
        say(f"Enqueued {summary.ref} in queue {summary.queue} ({place})")
    return 0
