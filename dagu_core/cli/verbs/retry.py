"""`dagu retry`: a new attempt of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, priority_option, queue_option, text_option
from dagu_core.cli.watching import finish, watching

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("retry", short_help="Run the failed steps of a run again.")
@dag_argument()
@text_option("-r", "--run-id", metavar="ID", required=True, help="Id of the run. Required.")
@text_option("--step", metavar="NAME", help="Only this step.")
@click.option("--downstream", is_flag=True, help="With --step: and every step that depends on it.")
@text_option("--worker-id", default="local", metavar="ID", help="Who carries the run out.")
@queue_option
@priority_option()
@click.option("-n", "--no-queue", is_flag=True, help="Never wait for a turn; a retry by hand never does.")
@click.option("--disable-max-active-runs", is_flag=True, hidden=True)
@pass_invocation
def command(
    invocation: Invocation,
    /,
    dag: str,
    run_id: str,
    step: str,
    downstream: bool,
    worker_id: str,
    queue: str,
    priority: int | None,
    no_queue: bool,
    disable_max_active_runs: bool,
) -> int:
    """Run a run again under the same id, with the definition it had.

    Failed, aborted and rejected steps start again, and every step that depends on them.
    """
    if downstream and not step:
        raise UsageError("--downstream needs --step")

    from dagu_core.app.requests import Standing

    line = Standing(queue, priority)

    async def work(app: App) -> RunView:
        with watching(invocation) as watch:
            name = app.dags.name_of(dag)
            return await app.runs.retry(
                name, run_id, step, downstream, watch=watch, line=line, worker=worker_id
            )

    return finish(invocation, invocation.run(work))
