"""`dagu exec`: run one command as a DAG of one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import (
    VerbWithWords,
    name_option,
    new_run_id_option,
    priority_option,
    queue_option,
    text_option,
)
from dagu_core.cli.watching import finish, watching

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView


@click.command("exec", cls=VerbWithWords, short_help="Run one command as a DAG run.")
@click.argument("argv", nargs=-1, metavar="-- COMMAND [ARGS...]")
@name_option
@new_run_id_option
@text_option("--workdir", metavar="FOLDER", help="Working folder (default: this one).")
@text_option("--shell", metavar="SHELL", help="Give the command line to this shell.")
@text_option("--base", metavar="FILE", help="A file to put under the DAG, in place of base.yaml.")
@text_option("-E", "--env", multiple=True, metavar="NAME=VALUE", help="An environment variable.")
@text_option("--dotenv", multiple=True, metavar="FILE", help="A file with environment variables.")
@text_option(
    "--worker-label",
    multiple=True,
    metavar="KEY=VALUE",
    help="Accepted, without effect: all runners are on one host.",
)
@queue_option
@priority_option("normal")
@pass_invocation
def command(
    invocation: Invocation,
    /,
    argv: tuple[str, ...],
    words: tuple[str, ...] | None,
    name: str,
    run_id: str,
    workdir: str,
    shell: str,
    base: str,
    env: tuple[str, ...],
    dotenv: tuple[str, ...],
    worker_label: tuple[str, ...],
    queue: str,
    priority: int | None,
) -> int:
    """Run one command as a DAG of one step, with history, logs and tree.

    `dagu exec -E REGION=eu -- ./sync.sh --all`
    """
    line = [*argv, *(words or ())]
    if not line:
        raise UsageError("which command? Write it after `--`")
    variables = pairs(env, "-E")
    pairs(worker_label, "--worker-label")

    invocation.begin_home()
    from dagu_core.app.requests import exec_request

    async def work(app: App) -> RunView:
        request = exec_request(
            line,
            name=name,
            run_id=run_id,
            workdir=workdir,
            shell=shell,
            base=base,
            env=variables,
            dotenv=list(dotenv),
            queue=queue,
            priority=priority,
        )
        with watching(invocation) as watch:
            return await app.runs.start(request, watch=watch)

    return finish(invocation, invocation.run(work))


def pairs(texts: tuple[str, ...], flag: str) -> dict[str, str]:
    """NAME=VALUE texts as a mapping; a usage error for anything else."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"{flag} {text!r}: expected NAME=VALUE")
        found[name] = value
    return found
