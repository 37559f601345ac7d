"""What this package offers."""

from __future__ import annotations

from dagu_core import ClockTrigger, Places, Plan, Problem, Settings, Trigger, hookimpl
from dagu_sun.trigger import SunTrigger

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [SunTrigger]


@hookimpl
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    if not any(entry.kind == SunTrigger.name for entry in plan.schedule.entries):
        return []
    if plan.schedule.location or settings is None or settings.location.place:
        return []
    hint = "write `location: {lat: 59.91, lon: 10.75}` under `schedule` or in the settings"
    message = "a schedule that follows the sun needs a location"
    return [Problem(message, places.key("schedule"), "D081", hint, len("schedule"))]
