"""What can be said about a DAG's calendars before a start is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagu_calendar.config import CalendarConfig
from dagu_calendar.days import Library
from dagu_core import DaguError, Places, Plan, Problem, SystemClock

_AHEAD = timedelta(days=60)


def problems(plan: Plan, places: Places, folder: Path) -> list[Problem]:
    """A calendar that is not there or wrong, and one that ends within 60 days."""
    place = places.key("calendar")
    config = CalendarConfig.model_validate(plan.fields["calendar"])
    try:
        days = Library(folder).days(config.name)
    except DaguError as error:
        hint = error.hint or "nothing is started by the schedule until that is right"
        return [Problem(f"calendar: {error}", place, "D140", hint, len("calendar"))]
    today = datetime.fromtimestamp(SystemClock().now(), UTC).date()
    if days.until is None or today + _AHEAD < days.until:
        return []
    verb = "ends" if today <= days.until else "ended"
    message = f"calendar: {', '.join(days.names)} {verb} on {days.until}"
    then = {"run": "starts happen on holidays too", "skip": "nothing starts", "fail": "nothing starts"}
    hint = f"import the next years; on later days {then[config.on_unknown]} (onUnknown: {config.on_unknown})"
    return [Problem(message, place, "D141", hint, len("calendar"), "warning")]
