"""`dagu events`: what was decided about starts, over all DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import rfc3339
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import count_option, dag_argument, json_option, text_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Decision

HEADINGS = ("AT", "DAG", "WHAT", "DUE", "WHY", "CODE")
MOST = 10_000


def _kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from dagu_core.app.decisions import KINDS

    before, comma, last = incomplete.rpartition(",")
    return [before + comma + kind for kind in KINDS if kind.startswith(last)]


@click.command("events", short_help="List the starts that were not made, and why.")
@dag_argument(required=False, metavar="[DAG]")
@text_option("--kind", "kinds", metavar="A,B", help="Only these kinds.", shell_complete=_kinds)
@text_option("--from", "since", metavar="DATE", help="From this date (YYYY-MM-DD or RFC 3339, UTC).")
@text_option("--to", "until", metavar="DATE", help="Up to this date.")
@count_option("-l", "--limit", default=100, most=MOST, help="At most the last so many (100).")
@json_option
@pass_invocation
def command(
    invocation: Invocation, /, dag: str, kinds: str, since: str, until: str, limit: int, in_json: bool
) -> int:
    """List what the schedules and triggers of all DAGs did not do, or did in doubt, and why: the newest
    last, those of the last 30 days.

    The kinds are skipped, missed, truncated, superseded, dropped, refused, warned and removed. A date is
    compared with the time of the decision, which may lie behind the time in question.
    """
    from dagu_core.app.decisions import DecisionQuery, find_about, kinds_of
    from dagu_core.app.moments import check_range, end_of, instant_of

    begin = instant_of(since, "UTC") if since else None
    end = end_of(until, "UTC") if until else None
    check_range(begin, end)
    wanted = kinds_of(kinds)

    async def work(app: App) -> list[Decision]:
        return await find_about(app, dag, DecisionQuery("", wanted, begin, end, limit))

    found = invocation.run(work)
    if in_json:
        say(as_json([shape(each) for each in found]))
    else:
        say(as_table(HEADINGS, map(row, found)) if found else "No events found")
    return 0


def row(one: Decision) -> tuple[str, ...]:
    """One line of the table."""
    return rfc3339(one.at), one.dag, one.kind, rfc3339(one.due) or "-", one.sentence, one.reason


def shape(one: Decision) -> dict[str, Any]:
    """One object of the JSON list; what is not known is left out."""
    known = {
        "dag": one.dag,
        "kind": one.kind,
        "code": one.reason,
        "message": one.sentence,
        "at": rfc3339(one.at),
        "due": rfc3339(one.due),
        "fire": one.fire,
        "count": one.count,
    }
    return {key: value for key, value in known.items() if value != ""}
