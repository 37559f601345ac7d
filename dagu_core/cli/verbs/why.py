"""`dagu why`: the reasons behind what did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagu_core.app.app import App
    from dagu_core.app.history import Reason

HEADINGS = ("SUBJECT", "STATUS", "REASON", "CODE")


@click.command("why", short_help="Tell why steps were skipped, wait or never started.")
@dag_argument()
@run_id_option
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, in_json: bool) -> int:
    """Tell why steps of a run were skipped or aborted, wait, or never started."""

    async def work(app: App) -> Sequence[Reason]:
        return await app.history.why(app.dags.name_of(dag), run_id)

    reasons = invocation.run(work)
    if in_json:
        say(as_json([shape(reason) for reason in reasons]))
    elif reasons:
        say(as_table(HEADINGS, map(row, reasons)))
    else:
        say("Nothing to explain: every step ran")
    if not in_json and (foreign := {each.provider for each in reasons} - {"", "dagu"}):
        say(f"\nStep types brought by {', '.join(sorted(foreign))}")
    return 0


def row(reason: Reason) -> tuple[str, ...]:
    """One line of the table."""
    return reason.subject, str(reason.status), reason.sentence, reason.code


def shape(reason: Reason) -> dict[str, str]:
    """One reason as JSON data."""
    return {
        "subject": reason.subject,
        "status": str(reason.status),
        "code": reason.code,
        "message": reason.sentence,
        "provider": reason.provider,
    }
