"""Days off from an iCalendar file (.ics), as calendar programs export it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu_calendar.files import Holiday
from dagu_calendar.imports import checked_count, read_text, spread
from dagu_core import Invalid, SystemClock

if TYPE_CHECKING:
    from icalendar.cal import Component

#: rules without an end are followed from last year on for so many years
_YEARS_AHEAD = 6
_FINE = ("SECONDLY", "MINUTELY", "HOURLY")
_UNTIL = re.compile(r"UNTIL=(\d{8})(?:T\d{6}Z?)?", re.IGNORECASE)


def of_events(path: Path, years: range | None) -> list[Holiday]:
    """The days of all-day events; repeated ones in `years`, or from last year on for some years.

    Events at a time of the day, and those that were cancelled, are left out. Raises Invalid.
    """
    from icalendar import Calendar

    text = read_text(path)
    try:
        events = list(Calendar.from_ical(text).walk("VEVENT"))
    except (ValueError, IndexError, KeyError) as error:
        raise Invalid(f"{path.name}: not an iCalendar file: {error}") from None
    if years is None:
        this = datetime.fromtimestamp(SystemClock().now(), UTC).year
        years = range(this - 1, this + _YEARS_AHEAD)
    span = date(years.start, 1, 1), date(years.stop - 1, 12, 31)
    # An instance that was changed stands as an event of its own with the same UID.
    changed: dict[str, set[date]] = {}
    for event in events:
        if (instance := _day(event, "RECURRENCE-ID")) is not None:
            changed.setdefault(str(event.get("UID", "")), set()).add(instance)
    found: list[Holiday] = []
    for event in events:
        own = "RECURRENCE-ID" in event
        for first, last in _spans(
            event, span, set() if own else changed.get(str(event.get("UID", "")), set())
        ):
            found += spread(first, last, _name(event), f"ics {path.name}")
            checked_count(found, path)
    return found


def _spans(event: Component, span: tuple[date, date], left_out: set[date]) -> Iterator[tuple[date, date]]:
    """First and last day of each time the event takes place."""
    start = event.get("DTSTART")
    first = getattr(start, "dt", None)
    if type(first) is not date or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    last = first + (_length(event, first) - timedelta(days=1))
    left_out = left_out | set(_dates(event, "EXDATE"))
    starts = set(_dates(event, "RDATE"))
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        starts |= set(_repeated(rule, first, span))
    if not rules or first not in left_out:
        starts.add(first)
    for each in sorted(starts - left_out):
        if not rules or span[0] <= each <= span[1]:
            yield each, each + (last - first)


def _repeated(rule: Any, first: date, span: tuple[date, date]) -> Iterator[date]:
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

    text = rule.to_ical().decode()
    if any(f"FREQ={word}" in text.upper() for word in _FINE):
        raise Invalid(f"an all-day event that is repeated within a day: {text[:80]}")
    # The day counts; dateutil wants an end of the same kind as the start, which has no zone.
    text = _UNTIL.sub(r"UNTIL=\1T235959", text)
    if "UNTIL=" not in text.upper() and "COUNT=" not in text.upper():
        text += f";UNTIL={span[1]:%Y%m%d}T235959"
    try:
        for moment in rrulestr(text, dtstart=datetime.combine(first, time())):
            if moment.date() > span[1]:
                return
            yield moment.date()
    except (ValueError, TypeError) as error:
        raise Invalid(f"a rule nobody can follow: {text[:80]}: {error}") from None


def _length(event: Component, first: date) -> timedelta:
    """How long it lasts, at least a day; the end is the first day after it."""
    end, duration = _day(event, "DTEND"), event.get("DURATION")
    if end is not None:
        return max(end - first, timedelta(days=1))
    length = getattr(duration, "dt", None)
    return max(length, timedelta(days=1)) if isinstance(length, timedelta) else timedelta(days=1)


def _day(event: Component, name: str) -> date | None:
    found = getattr(event.get(name), "dt", None)
    return found.date() if isinstance(found, datetime) else found if isinstance(found, date) else None


def _dates(event: Component, name: str) -> Iterator[date]:
    found = event.get(name, [])
    for each in found if isinstance(found, list) else [found]:
        for one in getattr(each, "dts", []):
            moment = one.dt[0] if isinstance(one.dt, tuple) else one.dt
            yield moment.date() if isinstance(moment, datetime) else moment


def _name(event: Component) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())
