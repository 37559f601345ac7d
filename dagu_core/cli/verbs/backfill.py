"""`dagu backfill`: make up for runs of the past."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, on_terminal, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, params_option, text_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.backfill import Backfill
    from dagu_core.app.backfill_slots import BackfillRequest, Instant

HEADINGS = ("ID", "DAG", "STATE", "FROM", "TO", "MADE", "OF", "RUNS")


@click.group("backfill", short_help="Make up for runs of the past.")
def command() -> None:
    """Make up for runs of the past: one run for each time a schedule named, with its data interval.

    The leading scheduler makes the runs, a few at a time and behind everything else.
    """


@command.command("create", short_help="Make up for a stretch of time.")
@dag_argument()
@text_option(
    "--from", "since", metavar="TIME", required=True, help="From this time on (RFC 3339, or a date)."
)
@text_option("--to", "until", metavar="TIME", required=True, help="Up to this time; a date: all of its day.")
@click.option("--entry", type=click.IntRange(min=1), default=None, help="Only this start entry, from 1.")
@click.option("--max-runs", type=click.IntRange(min=1), default=100, help="Refuse more (default: 100).")
@click.option("--max-active", type=click.IntRange(min=1), default=1, help="Active at once (default: 1).")
@click.option("--order", type=click.Choice(["asc", "desc"]), default="asc", help="Oldest or newest first.")
@click.option(
    "--reprocess",
    type=click.Choice(["none", "failed", "all"]),
    default="none",
    help="Times that have a run: skip them, take those that failed, take all.",
)
@params_option
@text_option("-u", "--queue", metavar="NAME", help="The queue (default: the one of the DAG).")
@text_option("--step", metavar="DURATION", help="Time between two runs of a DAG without a schedule: 1d.")
@click.option("--ignore-calendar", is_flag=True, help="Holidays and the like count, too.")
@click.option("--single-run", is_flag=True, help="One run for the whole stretch.")
@click.option("--use-latest", is_flag=True, help="Later runs take the definition as it is then.")
@click.option("--dry-run", is_flag=True, help="Only list the times; create nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def create(invocation: Invocation, /, dry_run: bool, yes: bool, in_json: bool, **given: Any) -> int:
    """Make a run for each start of a stretch of time that has none yet."""

    async def look(app: App) -> tuple[str, list[Instant]]:
        plan, instants = await app.backfills.preview(_request(app, given))
        return plan.schedule.timezone or app.settings.core.tz, instants

    async def make(app: App) -> Backfill:
        return await app.backfills.create(_request(app, given))

    if dry_run or (not yes and on_terminal(sys.stdin)):
        from dagu_core.app.scheduled import written

        zone, instants = invocation.run(look)
        if dry_run:
            due = [written(each.due, zone) for each in instants]
            say(as_json(due) if in_json else "\n".join([*due, f"{len(due)} runs"]))
            return 0
        click.confirm(f"Make {len(instants)} runs?", abort=True)
    one = invocation.run(make)
    _show(invocation, one, in_json, f"Backfill {one.id}: {one.total} runs of {one.dag}")
    return 0


@command.command("list", short_help="List backfills.")
@dag_argument(required=False)
@json_option
@pass_invocation
def list_(invocation: Invocation, /, dag: str, in_json: bool) -> int:
    """List the backfills of a DAG, or all, newest first."""

    async def work(app: App) -> list[tuple[Backfill, dict[str, int]]]:
        found = await app.backfills.all(app.dags.name_of(dag) if dag else "")
        return [(one, await app.backfills.progress(one)) for one in found]

    _table(invocation.run(work), in_json)
    return 0


@command.command("show", short_help="Show a backfill and its runs.")
@click.argument("id", metavar="ID")
@json_option
@pass_invocation
def show(invocation: Invocation, /, id: str, in_json: bool) -> int:
    """Show how a backfill stands, and each of its runs."""

    async def work(app: App) -> tuple[Backfill, dict[str, int], list[tuple[str, str]]]:
        one = await app.backfills.get(id)
        runs = [(run.ref.run_id, run.status.label) for run in await app.backfills.runs(one)]
        return one, await app.backfills.progress(one), runs

    one, progress, runs = invocation.run(work)
    if in_json:
        from dagu_core.app.backfill import shape

        rows = [{"runId": run_id, "status": status} for run_id, status in runs]
        say(as_json(shape(one) | {"progress": progress, "runs": rows}))
        return 0
    _table([(one, progress)], in_json)
    if one.problem:
        say(f"\nThe last run that could not be made: {one.problem}")
    if runs:
        say("\n" + as_table(("RUN ID", "STATUS"), runs))
    return 0


@command.command("pause", short_help="Make no further runs for now.")
@click.argument("id", metavar="ID")
@pass_invocation
def pause(invocation: Invocation, /, id: str) -> int:
    """Make no further runs for now; those that were made go on."""
    return _change(invocation, lambda app: app.backfills.pause(id), "paused")


@command.command("resume", short_help="Go on with a paused backfill.")
@click.argument("id", metavar="ID")
@pass_invocation
def resume(invocation: Invocation, /, id: str) -> int:
    """Go on with a paused backfill."""
    return _change(invocation, lambda app: app.backfills.resume(id), "goes on")


@command.command("cancel", short_help="End a backfill.")
@click.argument("id", metavar="ID")
@click.option("--stop-running", is_flag=True, help="Stop the runs it has made, too.")
@pass_invocation
def cancel(invocation: Invocation, /, id: str, stop_running: bool) -> int:
    """Make no further runs, for good."""
    return _change(
        invocation, lambda app: app.backfills.cancel(id, stop_running=stop_running), "is cancelled"
    )


@command.command("retry-failed", short_help="Make the failed runs of a backfill again.")
@click.argument("id", metavar="ID")
@json_option
@pass_invocation
def retry_failed(invocation: Invocation, /, id: str, in_json: bool) -> int:
    """Make the runs again that failed, as another backfill with the same definition."""

    async def work(app: App) -> Backfill:
        return await app.backfills.retry_failed(id)

    one = invocation.run(work)
    _show(invocation, one, in_json, f"Backfill {one.id}: {one.total} runs of {one.dag} again")
    return 0


def _request(app: App, given: dict[str, Any]) -> BackfillRequest:
    from dagu_core.app.backfill_slots import BackfillRequest
    from dagu_core.app.moments import end_of, instant_of
    from dagu_core.base.settings import parse_duration

    plan = app.dags.read(given["dag"]).plans[0]
    zone = plan.schedule.timezone or app.settings.core.tz
    try:
        step = parse_duration(given["step"]) if given["step"] else 0.0
    except ValueError as error:
        raise UsageError(f"--step: {error}") from None
    return BackfillRequest(
        **{
            **given,
            "since": instant_of(given["since"], zone),
            "until": end_of(given["until"], zone),
            "entry": given["entry"] or 0,
            "step": step,
        }
    )


def _change(invocation: Invocation, how: Callable[[App], Awaitable[Backfill]], what: str) -> int:
    async def work(app: App) -> Backfill:
        return await how(app)

    one = invocation.run(work)
    if not invocation.quiet:
        say(f"Backfill {one.id} {what}: {one.made} of {one.total} runs were made")
    return 0


def _show(invocation: Invocation, one: Backfill, in_json: bool, sentence: str) -> None:
    if in_json:
        from dagu_core.app.backfill import shape

        say(as_json(shape(one)))
    elif not invocation.quiet:
        say(sentence)


def _table(found: list[tuple[Backfill, dict[str, int]]], in_json: bool) -> None:
    from dagu_core.app.backfill import shape

    if in_json:
        say(as_json([shape(one) | {"progress": progress} for one, progress in found]))
        return
    if not found:
        say("There are no backfills")
        return
    rows = []
    for one, progress in found:
        facts = shape(one)
        tally = ", ".join(f"{count} {label}" for label, count in progress.items())
        rows.append(
            (one.id, one.dag, one.state, facts["since"], facts["until"], str(one.made), str(one.total), tally)
        )
    say(as_table(HEADINGS, rows))
