"""`dagu start`: run a DAG in this process and wait for its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, on_terminal, pass_invocation
from dagu_core.cli.options import (
    VerbWithWords,
    dag_argument,
    name_option,
    new_run_id_option,
    params_option,
    priority_option,
    queue_option,
    reference_option,
    text_option,
    working_dir_option,
)
from dagu_core.cli.watching import finish, watching
from dagu_core.model.run.run import RunRef

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("start", cls=VerbWithWords, short_help="Run a DAG here and now.")
@dag_argument(required=False, metavar="[DAG] [-- PARAMS...]")
@params_option
@name_option
@new_run_id_option
@text_option("--from-run-id", metavar="ID", help="Run what that run ran, with its parameters, again.")
@reference_option("--parent", help="The run that calls this one (NAME:RUNID).")
@reference_option("--root", help="The first run above this one (NAME:RUNID).")
@working_dir_option
@text_option("--worker-id", default="local", metavar="ID", help="Who carries the run out.")
@queue_option
@priority_option("normal")
@click.option("-n", "--no-queue", is_flag=True, help="Never wait for a turn, even with --queue.")
@click.option("--disable-max-active-runs", is_flag=True, hidden=True)
@pass_invocation
def command(
    invocation: Invocation,
    /,
    dag: str,
    words: tuple[str, ...] | None,
    params: str | None,
    name: str,
    run_id: str,
    from_run_id: str,
    parent: RunRef | None,
    root: RunRef | None,
    default_working_dir: str,
    worker_id: str,
    queue: str,
    priority: int | None,
    no_queue: bool,
    disable_max_active_runs: bool,
) -> int:
    """Run a DAG here and now, and wait for its end.

    With `--queue` it waits for its turn in that queue; without, it begins at once.
    DAG is a file or the name of one in the DAGs folder; without it a terminal gets a list to choose
    from. Words after `--` are parameters: `dagu start nightly -- DAY=2031-02-03 full`.
    """
    if (parent or root) and not (parent and root and run_id):
        raise UsageError("--parent and --root go together, and need --run-id")
    if from_run_id:
        if not dag:
            raise UsageError("--from-run-id needs the DAG")
        if params is not None or words is not None or parent:
            raise UsageError("--from-run-id brings its own parameters: no -p, `--`, --parent or --root")
    if not dag and not (on_terminal(sys.stdin) and on_terminal(sys.stderr)):
        raise UsageError("which DAG? Give the name or the file of one")
    invocation.begin_home()
    if not dag:
        from dagu_core.cli.picker import pick

        dag, params = pick(invocation.dags, params, asking=words is None and params is None)
    from dagu_core.app.requests import StartRequest

    request = StartRequest(
        dag=dag,
        params=params,
        words=words or (),
        run_id=run_id,
        name=name,
        from_run_id=from_run_id,
        root=root,
        parent=parent,
        default_working_dir=default_working_dir,
        worker_id=worker_id,
        queue=queue,
        priority=priority,
        at_once=no_queue,
    )

    async def work(app: App) -> RunView:
        with watching(invocation) as watch:
            return await app.runs.start(request, watch=watch)

    return finish(invocation, invocation.run(work))
