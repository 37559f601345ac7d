"""What calendars say about days, once files that extend others are put together."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from dagu_calendar.files import WEEKDAYS, CalendarFile, Stamp, day_of, path_of, read_file, stamp_of
from dagu_core import Invalid

T = TypeVar("T")

_SATURDAY_AND_SUNDAY = frozenset({5, 6})
_ONE = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """One or several calendars as one.

    `holidays` maps days to their name and calendar, `weekends` holds weekdays (0 = Monday, None =
    nobody says), `until` is the last day all of them know, None = there is no end.
    """

    names: tuple[str, ...]
    timezone: str = ""
    holidays: Mapping[date, tuple[str, str]] = field(default_factory=dict)
    workdays: frozenset[date] = frozenset()
    weekends: frozenset[int] | None = None
    until: date | None = None

    def is_workday(self, day: date) -> bool:
        """Whether it is a working day by exception."""
        return day in self.workdays

    def is_holiday(self, day: date) -> bool:
        """Whether it is a holiday; a working day by exception is none."""
        return day in self.holidays and day not in self.workdays

    def is_weekend(self, day: date) -> bool:
        """Whether it is a day of the weekend; a working day by exception is none."""
        weekends = _SATURDAY_AND_SUNDAY if self.weekends is None else self.weekends
        return day.weekday() in weekends and day not in self.workdays

    def is_business_day(self, day: date) -> bool:
        """Whether work is done."""
        return not self.is_holiday(day) and not self.is_weekend(day)

    def business_days(self, day: date) -> list[date]:
        """The business days of the month of `day`, in order."""
        first = day.replace(day=1)
        month = (first + timedelta(days=number) for number in range(monthrange(day.year, day.month)[1]))
        return [each for each in month if self.is_business_day(each)]

    def told(self, day: date) -> str:
        """What kind of day it is, for people."""
        if self.is_holiday(day):
            name, calendar = self.holidays[day]
            return f"{name or 'holiday'} ({calendar})"
        kind = "weekend" if self.is_weekend(day) else "business day"
        by_exception = ", by exception" if self.is_workday(day) else ""
        return f"{kind}{by_exception} ({', '.join(self.names)})"


class Library:
    """The calendars of a folder. What was read is kept until one of its files changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[str, ...], tuple[dict[Path, Stamp | None], Days]] = {}

    def days(self, names: Sequence[str]) -> Days:
        """The calendars of these names as one. Raises DaguError when one of them is unknown, wrong,
        or extends itself."""
        key = tuple(names)
        if (known := self._known.get(key)) is not None:
            stamps, days = known
            if all(stamp_of(path) == stamp for path, stamp in stamps.items()):
                return days
        stamps = {}
        days = _union(key, [self._resolved(name, (), stamps) for name in dict.fromkeys(key)])
        self._known[key] = (stamps, days)
        return days

    def _resolved(self, name: str, above: tuple[str, ...], stamps: dict[Path, Stamp | None]) -> Days:
        if name in above:
            circle = " → ".join([*above[above.index(name) :], name])
            raise Invalid(f"calendars extend each other in a circle: {circle}")
        path = path_of(self.folder, name)
        # Before the file is read: a change in between is then seen the next time.
        stamps[path] = stamp_of(path)
        file = read_file(path)
        inherited = [self._resolved(each, (*above, name), stamps) for each in file.extends]
        return _extended(name, file, _union((name,), inherited))


def _union(names: tuple[str, ...], parts: Sequence[Days]) -> Days:
    weekends = [each.weekends for each in parts if each.weekends is not None]
    ends = [each.until for each in parts if each.until is not None]
    holidays: dict[date, tuple[str, str]] = {}
    for each in reversed(parts):
        holidays |= each.holidays
    return Days(
        names,
        timezone=next((each.timezone for each in parts if each.timezone), ""),
        holidays=holidays,
        workdays=_all(each.workdays for each in parts),
        weekends=_all(weekends) if weekends else None,
        until=min(ends) if ends else None,
    )


def _extended(name: str, file: CalendarFile, inherited: Days) -> Days:
    own = {each.day: (each.name, name) for each in file.holidays}
    workdays = frozenset(day_of(each) for each in file.workdays)
    if file.valid_until:
        until: date | None = day_of(file.valid_until)
    elif inherited.until is not None or not own:
        until = inherited.until
    else:
        until = date(max(own).year, 12, 31)
    return Days(
        (name,),
        timezone=file.timezone or inherited.timezone,
        holidays={**inherited.holidays, **own},
        # A holiday of its own beats a working day of what it extends.
        workdays=(inherited.workdays - own.keys()) | workdays,
        weekends=inherited.weekends
        if file.weekends is None
        else frozenset(WEEKDAYS.index(word) for word in file.weekends),
        until=until,
    )


def _all(sets: Iterable[frozenset[T]]) -> frozenset[T]:
    return frozenset().union(*sets)


def next_business_day(days: Days, day: date, step: int) -> date | None:
    """The first business day after `day` (`step` 1) or before it (-1), within a month."""
    for _ in range(31):
        day += step * _ONE
        if days.is_business_day(day):
            return day
    return None
