"""`dagu dequeue`: take a run out of a queue before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option, params_option, queue_argument, reference_option
from dagu_core.cli.output import as_json, say
from dagu_core.model.run.run import RunRef, RunSummary

if TYPE_CHECKING:
    from dagu_core.app.app import App


@click.command("dequeue", short_help="Take a run out of a queue.")
@queue_argument("queue", required=False)
@reference_option("-d", "--dag-run", help="This run (default: the oldest).")
@params_option
@json_option
@pass_invocation
def command(
    invocation: Invocation, /, queue: str, dag_run: RunRef | None, params: str | None, in_json: bool
) -> int:
    """Take a run out of a queue: the named one, or the oldest. `--dag-run` alone finds the queue."""
    if not queue and dag_run is None:
        raise click.UsageError("name a QUEUE, or a run with --dag-run")

    async def work(app: App) -> RunSummary:
        return await app.runs.dequeue(queue, dag_run)

    run = invocation.run(work)
    if in_json:
        say(as_json({"name": run.ref.dag, "dagRunId": run.ref.run_id, "queue": run.queue}))
    elif not invocation.quiet:
        say(f"Dequeued {run.ref} from queue {run.queue}")
    return 0
