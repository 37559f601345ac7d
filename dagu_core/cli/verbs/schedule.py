"""`dagu schedule`: what starts by itself, and when; suspend and resume it."""

from __future__ import annotations

import getpass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import count_option, dag_argument, json_option, text_option
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
        tell(f"{found.plan.name} is suspended{_why(found.suspension, found.zone)}: nothing of this happens")
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
            (each, app.schedules.zone_of(each.plan) if each.plan and not each.problem else None)
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
@text_option("--until", metavar="TIME", help="So long (2h), or up to this time (RFC 3339, or a date).")
@pass_invocation
def suspend(invocation: Invocation, /, dag: str, reason: str, until: str) -> int:
    """Switch the schedules and triggers of a DAG off until it is resumed, or for a while. Starts by
    hand and runs that wait in a queue are not touched."""

    async def work(app: App) -> bool:
        from dagu_core.app.moments import until_of

        end = until_of(until, app.clock.now(), app.settings.core.tz) if until else None
        return app.schedules.suspend(dag, reason, _user(), end)

    changed = invocation.run(work)
    say(f"Suspended {dag}" if changed else f"{dag} was suspended already")
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
        "suspended": found.suspension is not None,
        "hasMore": found.has_more,
        "slots": [_slot_shape(slot, found.zone) for slot in found.slots],
    }


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


def _why(suspension: Suspension, zone: tzinfo | None) -> str:
    by = f" by {suspension.by}" if suspension.by else ""
    until = f" until {_time(suspension.until, zone)}" if suspension.until is not None else ""
    reason = f" ({suspension.reason})" if suspension.reason else ""
    return by + until + reason


def _scheduled_row(each: Scheduled, zone: tzinfo | None) -> tuple[str, ...]:
    state = each.problem or (
        f"suspended{_why(each.suspension, zone)}" if each.suspension is not None else "active"
    )
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
        "suspended": each.suspension is not None,
    }
    if each.plan is not None:
        schedule = each.plan.schedule
        shape["schedule"] = {action: list(lines) for action, lines in schedule.texts.items()}
        shape["triggers"] = [trigger.text for trigger in schedule.triggers]
    if each.suspension is not None:
        shape["suspension"] = {"by": each.suspension.by, "reason": each.suspension.reason}
        if each.suspension.until is not None:
            shape["suspension"]["until"] = _time(each.suspension.until, zone)
    if each.next is not None:
        shape["next"] = _slot_shape(each.next, zone)
    if each.ailing:
        shape["ailing"] = list(each.ailing)
    if each.problem:
        shape["problem"] = each.problem
    return shape
