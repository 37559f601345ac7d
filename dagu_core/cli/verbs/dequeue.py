"""`dagu dequeue`: take a run out of a queue before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option, params_option, queue_argument, reference_option
from dagu_core.cli.output import as_json, say
from dagu_core.model.run.run import RunRef

if TYPE_CHECKING:
    from dagu_core.app.app import App


@click.command("dequeue", short_help="Take a run out of a queue.")
@queue_argument("queue")
@reference_option("-d", "--dag-run", help="This run (default: the oldest).")
@params_option
@json_option
@pass_invocation
def command(
    invocation: Invocation, /, queue: str, dag_run: RunRef | None, params: str | None, in_json: bool
) -> int:
    """Take a run out of a queue: the named one, or the oldest."""

    async def work(app: App) -> RunRef:
        return await app.runs.dequeue(queue, dag_run)

    ref = invocation.run(work)
    if in_json:
        say(as_json({"name": ref.dag, "dagRunId": ref.run_id, "queue": queue}))
    elif not invocation.quiet:
        say(f"Dequeued {ref} from queue {queue}")
    return 0
