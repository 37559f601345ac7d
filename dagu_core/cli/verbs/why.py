"""`dagu why`: the reasons behind what did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.base.clock import rfc3339
from dagu_core.base.errors import NotFound
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagu_core.app.app import App
    from dagu_core.app.decisions import Decision
    from dagu_core.app.history import Reason

HEADINGS = ("SUBJECT", "STATUS", "REASON", "CODE")
DECIDED = ("DUE", "WHAT", "WHY", "CODE")
#: starts that were not made, as far as they are told
_LATEST = 20


@click.command("why", short_help="Tell why steps were skipped, wait or never started.")
@dag_argument()
@run_id_option
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, in_json: bool) -> int:
    """Tell why steps of a run were skipped or aborted, wait, or never started; of a DAG also which
    starts were not made of late, and why, and what its schedule lacks."""

    async def work(app: App) -> tuple[Sequence[Reason], Sequence[Decision], str]:
        from dagu_core.app import decisions
        from dagu_core.app.history import Reason, known_dag
        from dagu_core.app.views import trigger_text

        name = app.dags.name_of(dag)
        decided = [] if run_id else await decisions.of(app, name, _LATEST)
        about = [] if run_id else app.schedules.standing(dag)
        standing = [Reason("schedule", status, code, sentence) for status, code, sentence in about]
        try:
            reasons = [*await app.history.why(name, run_id), *standing]
            return reasons, decided, trigger_text((await app.history.get(name, run_id)).summary)
        except NotFound:
            if not (decided or standing):
                await known_dag(app, dag)
                raise
            return standing, decided, ""

    reasons, decided, begun_by = invocation.run(work)
    if in_json:
        say(as_json([*map(shape, reasons), *map(decision_shape, decided)]))
        return 0
    if reasons:
        say(as_table(HEADINGS, map(row, reasons)))
    elif not decided:
        say("Nothing to explain: every step ran")
    if begun_by:
        say(f"\nBegun by: {begun_by}")
    if decided:
        say(("\n" if reasons else "") + as_table(DECIDED, map(decision_row, decided)))
    if foreign := {each.provider for each in reasons} - {"", "dagu"}:
        say(f"\nStep types brought by {', '.join(sorted(foreign))}")
    return 0


def decision_row(decision: Decision) -> tuple[str, ...]:
    """One line about a start that was not made."""
    due = "" if decision.due is None else rfc3339(decision.due)
    return due or rfc3339(decision.at), decision.kind, decision.sentence, decision.reason


def decision_shape(decision: Decision) -> dict[str, str]:
    """The same as JSON data."""
    return {
        "subject": "schedule",
        "status": decision.kind,
        "code": decision.reason,
        "message": decision.sentence,
        "at": rfc3339(decision.at),
        "due": rfc3339(decision.due),
    } | ({"fire": decision.fire} if decision.fire else {})


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
