"""The requests of runs that a schedule, a batch or a trigger asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from dagu_core.app.requests import StartRequest
from dagu_core.base.zones import zone_named
from dagu_core.contracts.trigger import Fire
from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.schedule import TriggerEntry
from dagu_core.schedule.slots import Slot

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: the priority of batches: they give way to everybody else
LOW = 3


def request_of(
    app: App,
    plan: Plan,
    slot: Slot,
    run_id: str,
    *,
    type: str,
    previous: float | None,
    priority: int | None = None,
) -> StartRequest:
    """The request for the run of a slot; the first entry decides about params and queue, and about the
    priority, which is the given one when it says nothing."""
    entry = slot.entries[0]
    zone = plan.schedule.timezone or app.settings.core.tz
    trigger = {"type": type, "due": slot.due, "entry": entry.text}
    return StartRequest(
        dag=plan.source.path,
        run_id=run_id,
        name=plan.name,
        words=words_of(entry.params),
        queue=entry.queue,
        priority=priority if entry.priority is None else entry.priority,
        trigger=trigger | ({"note": slot.note} if slot.note else {}),
        env=times(zone, type, slot.due, previous, slot.due),
    )


def fire_request(app: App, plan: Plan, entry: TriggerEntry, run_id: str, fire: Fire) -> StartRequest:
    """The request for the run of what the trigger of an entry has told."""
    zone = plan.schedule.timezone or app.settings.core.tz
    return StartRequest(
        dag=plan.source.path,
        run_id=run_id,
        name=plan.name,
        words=words_of(fire.params),
        queue=entry.queue,
        priority=entry.priority,
        trigger={
            "type": entry.kind,
            "due": fire.due,
            "entry": entry.text,
            "fire": fire.key,
            "info": dict(fire.info),
        },
        env=times(zone, entry.kind, fire.due) | dict(fire.env),
    )


def words_of(params: Mapping[str, str]) -> tuple[str, ...]:
    """Parameters as words of a command line."""
    return tuple(f"{name}={value}" for name, value in params.items())


def times(
    zone: str, trigger: str, due: float, start: float | None = None, end: float | None = None
) -> dict[str, str]:
    """The variables that tell a run when it was due and which stretch of time is its own."""
    found = {"DAG_RUN_SCHEDULED_TIME": written(due, zone), "DAG_RUN_TRIGGER": trigger}
    if start is not None:
        found["DATA_INTERVAL_START"] = written(start, zone)
    if end is not None:
        found["DATA_INTERVAL_END"] = written(end, zone)
    return found


def written(at: float, zone: str) -> str:
    """An instant in RFC 3339, in the zone of the schedule; milliseconds where there are any."""
    whole = round(at * 1000) % 1000 == 0
    moment = datetime.fromtimestamp(at, zone_named(zone))
    text = moment.isoformat(timespec="seconds" if whole else "milliseconds")
    return text.replace("+00:00", "Z")
