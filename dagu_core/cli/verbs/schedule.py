"""`dagu schedule`: what starts by itself, and when; suspend and resume it."""

from __future__ import annotations

import getpass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import rfc3339
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import count_option, dag_argument, json_option, text_option, until_option
from dagu_core.cli.output import as_json, as_table, say, tell

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.schedules import Preview, Scheduled, Suspension
    from dagu_core.schedule.slots import Slot

#: slots shown unless --count says otherwise: of an open stretch of time, and of one with an end
_OPEN, _CLOSED = 10, 10_000


@click.group("schedule", short_help="Show what starts by itself and when; suspend and resume it.")
def command() -> None:
    """Show what starts by itself and when; suspend and resume it."""


@command.command("preview", short_help="Show the next starts, stops and restarts of a DAG.")
@dag_argument()
@text_option("--from", "since", metavar="TIME", help="After this time (default: now).")
@text_option("--to", "until", metavar="TIME", help="Up to this time.")
@count_option("--count", most=100_000, help="At most so many (default: 10, with --to 10000).")
@json_option
@pass_invocation
def preview(
    invocation: Invocation, /, dag: str, since: str, until: str, count: int | None, in_json: bool
) -> int:
    """Show each start, stop and restart that is to come, and each that is skipped or moved, with the
    reason. Nothing is started.

    TIME is RFC 3339 or a date; without an offset it is in the zone of the DAG.
    """

    async def work(app: App) -> Preview:
        from dagu_core.app.moments import check_range, instant_of

        zone = str(app.schedules.zone_of(app.dags.read(dag).plans[0]))
        first = instant_of(since, zone) if since else None
        last = instant_of(until, zone) if until else None
        check_range(app.clock.now() if first is None else first, last)
        # The instant itself is wanted too when somebody names it.
        after = None if first is None else first - 0.001
        most = count or (_CLOSED if until else _OPEN)
        return await app.schedules.preview(dag, after=after, until=last, count=most)

    found = invocation.run(work)
    if in_json:
        say(as_json(_preview_shape(found)))
        return 0
    if found.suspension is not None:
        tell(f"{found.plan.name} is {found.suspension.sentence(found.zone)}: nothing of this happens")
    for each in found.left_out:
        tell(f"Warning: {each}")
    if not found.slots:
        say("Nothing is due" if found.plan.schedule.entries else f"{found.plan.name} has no schedule")
        return 0
    say(as_table(("TIME", "ACTION", "ENTRY", "NOTE"), (_row(slot, found.zone) for slot in found.slots)))
    if found.has_more and count is None:
        tell("There is more: see --count and --to")
    return 0


@command.command("list", short_help="List the DAGs that start by themselves.")
@json_option
@pass_invocation
def list_(invocation: Invocation, /, in_json: bool) -> int:
    """List the DAGs of the DAGs folder that are started, stopped or restarted by a schedule or a
    trigger, with what comes next. Ends with 1 when a file or a schedule is broken."""

    async def work(app: App) -> list[tuple[Scheduled, tzinfo | None]]:
        for name, target in app.dags.dangling().items():
            tell(f"Warning: {name} is a link that leads nowhere, to {target}")
        return [
            (
                each,
                app.schedules.zone_of(each.plan) if each.plan and (each.next or not each.problem) else None,
            )
            for each in await app.schedules.scheduled()
        ]

    found = invocation.run(work)
    if in_json:
        say(as_json([_scheduled_shape(each, zone) for each, zone in found]))
    elif found:
        rows = [_scheduled_row(each, zone) for each, zone in found]
        say(as_table(("DAG", "FILE", "SCHEDULE", "NEXT", "STATE"), rows))
    else:
        say("No DAG is scheduled")
    return 1 if any(each.problem for each, _ in found) else 0


@command.command("suspend", short_help="Switch the schedules of a DAG off.")
@dag_argument()
@text_option("--reason", metavar="TEXT", help="Why; shown wherever the DAG is.")
@until_option
@pass_invocation
def suspend(invocation: Invocation, /, dag: str, reason: str, until: str | None) -> int:
    """Switch the schedules and triggers of a DAG off until it is resumed, or for a while. Starts by
    hand and runs that wait in a queue are not touched."""

    async def work(app: App) -> tuple[bool, str]:
        from dagu_core.app.moments import until_of

        end = None if until is None else until_of(until, app.clock.now(), app.settings.core.tz)
        changed = app.schedules.suspend(dag, reason, _user(), end)
        return changed, "" if end is None else f" until {rfc3339(end)}"

    changed, told = invocation.run(work)
    now = f"; now it is{told}" if told else ""
    say(f"Suspended {dag}{told}" if changed else f"{dag} was suspended already{now}")
    return 0


@command.command("resume", short_help="Switch the schedules of a DAG on again.")
@dag_argument()
@pass_invocation
def resume(invocation: Invocation, /, dag: str) -> int:
    """Switch the schedules and triggers of a DAG on again."""

    async def work(app: App) -> bool:
        return app.schedules.resume(dag)

    changed = invocation.run(work)
    say(f"Resumed {dag}" if changed else f"{dag} was not suspended")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _time(at: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="milliseconds" if at % 1 else "seconds")


def _row(slot: Slot, zone: tzinfo) -> tuple[str, str, str, str]:
    entries = " + ".join(entry.text for entry in slot.entries)
    note = f"skipped: {slot.skipped}; {slot.note}".removesuffix("; ") if slot.skipped else slot.note
    if slot.at != slot.due:
        note = f"{note}; {_time(slot.due, zone)} with jitter".removeprefix("; ")
    return _time(slot.at, zone), slot.action, entries, note


def _preview_shape(found: Preview) -> dict[str, Any]:
    return {
        "name": found.plan.name,
        "timezone": str(found.zone),
        **_suspension_shape(found.suspension, found.zone),
        "hasMore": found.has_more,
        "slots": [_slot_shape(slot, found.zone) for slot in found.slots],
    } | ({"leftOut": list(found.left_out)} if found.left_out else {})


def _slot_shape(slot: Slot, zone: tzinfo | None) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "due": _time(slot.due, zone),
        "at": _time(slot.at, zone),
        "action": slot.action,
        "entries": [entry.text for entry in slot.entries],
    }
    if slot.skipped:
        shape["skipped"] = slot.skipped
    if slot.note:
        shape["note"] = slot.note
    return shape


def _suspension_shape(suspension: Suspension | None, zone: tzinfo | None) -> dict[str, Any]:
    if suspension is None:
        return {"suspended": False}
    told = {"by": suspension.by, "reason": suspension.reason}
    told |= {} if suspension.until is None else {"until": _time(suspension.until, zone)}
    return {"suspended": True, "suspension": told}


def _scheduled_row(each: Scheduled, zone: tzinfo | None) -> tuple[str, ...]:
    suspended = each.suspension.sentence(zone) if each.suspension is not None else ""
    state = "; ".join(filter(None, (each.problem, suspended))) or "active"
    other = [f"commands take it as {each.ref}"] if each.ref != each.name else []
    state = "; ".join([state, *each.ailing, *other])
    coming = ""
    if each.next is not None:
        coming = f"{_time(each.next.at, zone)} {each.next.action}"
        coming += " (skipped)" if each.next.skipped else ""
    return each.name, each.path.name, "; ".join(_lines(each)), coming, state


def _lines(each: Scheduled) -> list[str]:
    if each.plan is None:
        return []
    schedule = each.plan.schedule
    starts = [
        entry.text if entry.action == "start" else f"{entry.action} {entry.text}"
        for entry in schedule.entries
    ]
    return starts + [trigger.text for trigger in schedule.triggers]


def _scheduled_shape(each: Scheduled, zone: tzinfo | None) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": each.name,
        "ref": each.ref,
        "file": str(each.path),
    } | _suspension_shape(each.suspension, zone)
    if each.plan is not None:
        schedule = each.plan.schedule
        shape["schedule"] = {action: list(lines) for action, lines in schedule.texts.items()}
        shape["triggers"] = [trigger.text for trigger in schedule.triggers]
    if each.next is not None:
        shape["next"] = _slot_shape(each.next, zone)
    if each.ailing:
        shape["ailing"] = list(each.ailing)
    if each.problem:
        shape["problem"] = each.problem
    return shape
