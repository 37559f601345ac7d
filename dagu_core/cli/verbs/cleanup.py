"""`dagu cleanup`: delete old runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option
from dagu_core.cli.output import as_json, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.model.run.run import RunRef


@click.command("cleanup", short_help="Delete old runs of a DAG.")
@dag_argument()
@click.option(
    "--retention-days", type=click.IntRange(min=0), default=0, help="Keep younger ones (default: 0)."
)
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def command(
    invocation: Invocation, /, dag: str, retention_days: int, dry_run: bool, yes: bool, in_json: bool
) -> int:
    """Delete finished runs of a DAG with their logs; active runs stay."""
    if not (yes or dry_run or invocation.quiet):
        what = f"runs of {dag} older than {retention_days} days" if retention_days else f"all runs of {dag}"
        if not agreed(f"Delete {what}?"):
            say("Nothing was deleted")
            return 0

    async def work(app: App) -> list[RunRef]:
        from dagu_core.app.history import known_dag

        return await app.history.cleanup(await known_dag(app, dag), retention_days, dry_run)

    refs = invocation.run(work)
    if in_json:
        runs = [{"name": ref.dag, "dagRunId": ref.run_id} for ref in refs]
        say(as_json({"dryRun": dry_run, "runs": runs}))
    elif dry_run:
        listed = "".join(f"\n  - {ref.run_id}" for ref in refs)
        say(f'Dry run: Would delete {len(refs)} run(s) for DAG "{dag}"' + (f":{listed}" if refs else ""))
    elif not invocation.quiet:
        say(f'Deleted {len(refs)} run(s) for DAG "{dag}"')
    return 0


def agreed(question: str) -> bool:
    """Whether the answer is yes; no answer is a no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False
