"""The DAG key `calendar`."""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dagu_calendar.config import CalendarConfig
from dagu_core import ClockScope, Invalid, ScheduleFilter, Verdict
from dagu_core import Config as Model

if TYPE_CHECKING:
    from dagu_calendar.days import Days, Library

_ORDINALS = {1: "first", -1: "last"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class CalendarFilter(ScheduleFilter):
    """Holidays and business days: on which days scheduled starts happen, and where the others go."""

    name = "calendar"
    Config = CalendarConfig

    @cached_property
    def _libraries(self) -> dict[Path, Library]:
        return {}

    def shifts(self, config: Model) -> bool:
        assert isinstance(config, CalendarConfig)
        return config.on_holiday != "skip"

    def verdict(self, config: Model, scope: ClockScope, at: float) -> Verdict:
        assert isinstance(config, CalendarConfig)
        days = self._library(scope.folder).days(config.name)
        zone = ZoneInfo(days.timezone) if days.timezone else scope.zone
        moment = datetime.fromtimestamp(at, zone)
        day = moment.date()
        if unknown := _unknown(days, day):
            if config.on_unknown == "skip":
                return Verdict("skip", unknown)
            if config.on_unknown == "fail":
                raise Invalid(unknown, hint="import the next years, or set `onUnknown`")
        if not (reason := why_not(config, days, day)):
            return Verdict("allow", warning=unknown)
        target = _target(config, days, day)
        if target is None:
            return Verdict("skip", reason)
        # The same time on the clock, whatever the clock did in between.
        moved = datetime.combine(target, moment.time(), tzinfo=zone)
        return Verdict("shift", reason, moved.timestamp(), warning=unknown or _unknown(days, target))

    def _library(self, folder: Path | None) -> Library:
        from dagu_calendar.days import Library

        if folder is None:
            raise Invalid("there is no folder with calendars")
        if (library := self._libraries.get(folder)) is None:
            library = self._libraries[folder] = Library(folder)
        return library


def why_not(config: CalendarConfig, days: Days, day: date) -> str:
    """Why nothing is started on a day; "" when something is."""
    if days.is_holiday(day):
        off = days.told(day)
    elif days.is_weekend(day):
        off = f"{_WEEKDAYS[day.weekday()]} is no business day ({', '.join(days.names)})"
    else:
        off = ""
    if config.days == "all":
        return off if days.is_holiday(day) else ""
    if config.days == "business-days":
        return off
    if config.days == "weekends":
        return "" if days.is_weekend(day) else f"{day} is no weekend ({', '.join(days.names)})"
    if config.days == "holidays":
        return "" if days.is_holiday(day) else f"{day} is no holiday ({', '.join(days.names)})"
    if off:
        return off
    which = config.which or 1
    business = days.business_days(day)
    index = which - 1 if which > 0 else len(business) + which
    if 0 <= index < len(business) and business[index] == day:
        return ""
    return f"{day} is not {_shown(which)} of the month ({', '.join(days.names)})"


def _unknown(days: Days, day: date) -> str:
    """Why nobody knows what kind of day it is; "" when it is known."""
    if days.until is None or day <= days.until:
        return ""
    return f"calendar {', '.join(days.names)} is known until {days.until}, not for {day}"


def _target(config: CalendarConfig, days: Days, day: date) -> date | None:
    """Where a start of a day off goes; None when it goes nowhere."""
    if config.on_holiday == "skip" or days.is_business_day(day):
        return None
    from dagu_calendar.days import next_business_day

    target = next_business_day(days, day, 1 if config.on_holiday == "next-business-day" else -1)
    return None if target is None or why_not(config, days, target) else target


def _shown(which: int) -> str:
    if which in _ORDINALS:
        return f"the {_ORDINALS[which]} business day"
    return f"business day {which}" if which > 0 else f"business day {-which} before the end"
