"""`dagu backfill`: make up for runs of the past."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.errors import NotFound
from dagu_core.cli.invocation import Invocation, on_terminal, pass_invocation
from dagu_core.cli.options import (
    count_option,
    dag_argument,
    json_option,
    params_option,
    priority_option,
    queue_option,
    text_option,
)
from dagu_core.cli.output import as_json, as_table, counted, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.backfill import Backfill
    from dagu_core.app.backfill_results import SlotResult
    from dagu_core.app.backfill_slots import BackfillRequest, Instant

HEADINGS = ("ID", "DAG", "STATE", "FROM", "TO", "SLOTS", "MADE", "EXISTED", "REFUSED", "RUNS")
SLOTS = ("TIME", "SLOT", "RUN ID", "STATUS", "REASON")
#: what became of a slot, in words
OUTCOMES = {"made": "made", "exists": "existed", "refused": "refused", "": "to come"}


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
@count_option("--entry", help="Only this start entry, from 1.")
@count_option("--max-runs", default=100, help="Refuse more (default: 100).")
@count_option("--max-active", default=1, help="Active at once (default: 1).")
@click.option("--order", type=click.Choice(["asc", "desc"]), default="asc", help="Oldest or newest first.")
@click.option(
    "--reprocess",
    type=click.Choice(["none", "failed", "all"]),
    default="none",
    help="Times that have a run: skip them, take those that failed, take all.",
)
@params_option
@queue_option
@priority_option("low")
@text_option("--profile", metavar="NAME", help="Refused: there are no profiles yet.")
@text_option("--step", metavar="DURATION", help="Time between two runs of a DAG without a schedule: 1d.")
@click.option("--ignore-calendar", is_flag=True, help="Holidays and the like count, too.")
@click.option("--single-run", is_flag=True, help="One run for the whole stretch.")
@click.option("--use-latest", is_flag=True, help="Later runs take the definition as it is then.")
@click.option("--dry-run", is_flag=True, help="Only list the times; create nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def create(
    invocation: Invocation, /, dry_run: bool, yes: bool, in_json: bool, profile: str, **given: Any
) -> int:
    """Make a run for each start of a stretch of time that has none yet."""
    if profile:
        hint = "planned: Variables store; until then say with --params what the runs need"
        raise NotFound(f"there is no profile {profile[:40]!r}: profiles are not built yet", hint=hint)

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
            say(as_json(due) if in_json else "\n".join([*due, counted(len(due), "run")]))
            return 0
        click.confirm(f"Make {counted(len(instants), 'run')}?", abort=True)
    one = invocation.run(make)
    _show(invocation, one, in_json, f"Backfill {one.id}: {counted(one.total, 'run')} of {one.dag}")
    return 0


@command.command("list", short_help="List backfills.")
@dag_argument(required=False)
@json_option
@pass_invocation
def list_(invocation: Invocation, /, dag: str, in_json: bool) -> int:
    """List the backfills of a DAG, or all, newest first."""

    async def work(app: App) -> list[tuple[Backfill, dict[str, int]]]:
        from dagu_core.app.history import known_dag

        found = await app.backfills.all(await known_dag(app, dag) if dag else "")
        return [(one, await app.backfills.progress(one)) for one in found]

    _table(invocation.run(work), in_json)
    return 0


@command.command("show", short_help="Show a backfill and its slots.")
@click.argument("id", metavar="ID")
@json_option
@pass_invocation
def show(invocation: Invocation, /, id: str, in_json: bool) -> int:
    """Show how a backfill stands, and what became of each time it covers: its run was made, a run of
    somebody else existed already, or it was refused, and why."""

    async def work(app: App) -> tuple[Backfill, dict[str, int], list[SlotResult], str]:
        one = await app.backfills.get(id)
        waits_for = await app.backfills.waits_for(one)
        return one, await app.backfills.progress(one), await app.backfills.results(one), waits_for

    one, progress, slots, waits_for = invocation.run(work)
    if in_json:
        from dagu_core.app.backfill import shape

        more = {"waitsFor": waits_for} if waits_for else {}
        shapes = [_slot_shape(slot, one.zone) for slot in slots]
        say(as_json(shape(one, progress) | more | {"slots": shapes}))
        return 0
    _table([(one, progress)], in_json)
    if waits_for:
        say(f"\nIt waits: {waits_for}")
    say("\n" + as_table(SLOTS, (_slot_row(slot, one) for slot in slots)))
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
    _show(invocation, one, in_json, f"Backfill {one.id}: {counted(one.total, 'run')} of {one.dag} again")
    return 0


def _request(app: App, given: dict[str, Any]) -> BackfillRequest:
    from dagu_core.app.backfill_slots import BackfillRequest
    from dagu_core.app.moments import end_of, instant_of, length_of

    plan = app.dags.read(given["dag"]).plans[0]
    zone = plan.schedule.timezone or app.settings.core.tz
    return BackfillRequest(
        **{
            **given,
            "since": instant_of(given["since"], zone),
            "until": end_of(given["until"], zone),
            "entry": given["entry"] or 0,
            "step": length_of(given["step"], "--step") if given["step"] else 0.0,
        }
    )


def _change(invocation: Invocation, how: Callable[[App], Awaitable[Backfill]], what: str) -> int:
    async def work(app: App) -> Backfill:
        return await how(app)

    one = invocation.run(work)
    if not invocation.quiet:
        say(f"Backfill {one.id} {what}: {one.made} of {counted(one.total, 'run')} were made")
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
        say(as_json([shape(one, progress) for one, progress in found]))
    elif found:
        say(as_table(HEADINGS, (_row(one, progress) for one, progress in found)))
    else:
        say("There are no backfills")


def _row(one: Backfill, progress: dict[str, int]) -> tuple[str, ...]:
    from dagu_core.app.scheduled import written

    stretch = written(one.since, one.zone), written(one.until, one.zone)
    counts = one.total, one.made, one.existing, one.refused
    tally = ", ".join(f"{count} {label}" for label, count in progress.items())
    return one.id, one.dag, one.state, *stretch, *map(str, counts), tally


def _slot_row(slot: SlotResult, one: Backfill) -> tuple[str, ...]:
    from dagu_core.app.scheduled import written

    never = not slot.outcome and one.state == "cancelled"
    outcome = "not made" if never else OUTCOMES[slot.outcome]
    return written(slot.due, one.zone), outcome, slot.run_id, slot.status, slot.reason


def _slot_shape(slot: SlotResult, zone: str) -> dict[str, str]:
    from dagu_core.app.scheduled import written

    shape = {"due": written(slot.due, zone), "outcome": slot.outcome or "toCome"}
    more = {"dagRunId": slot.run_id, "status": slot.status, "reason": slot.reason}
    return shape | {key: text for key, text in more.items() if text}
