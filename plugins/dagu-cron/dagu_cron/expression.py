"""A cron line as numbers: which days, which seconds of a day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from heapq import merge
from itertools import product

from dagu_cron.ranges import mistake

#: what the short words stand for
DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NAMES = ("second", "minute", "hour", "day of month", "month", "day of week")
_FIELD = re.compile(r"[0-9A-Za-z*/,\-?#]+")
#: hashed and random values of other dialects: no preview could be right about them
_CHANCE = re.compile(r"(?:^|,)[HR](?:$|[(/,])", re.IGNORECASE)
#: the months of the Gregorian calendar come back with the same weekdays after 28 years; 8 more
#: for the century whose last year is no leap year
_YEARS_AHEAD = 40


@dataclass(frozen=True)
class Expression:
    """What a cron line says.

    `seconds` are the seconds of a day it names, in order. `is_fixed`: hour and minute name times
    of the clock on the wall, not a beat (`*`, `*/15`). `days` is the rest: day, month, weekday.
    """

    text: str
    seconds: tuple[int, ...]
    is_fixed: bool
    days: str

    def days_from(self, first: date) -> Iterator[date]:
        """The days it names, from `first` on, in order."""
        return _days_from(self.days, first)


def _days_from(days: str, first: date) -> Iterator[date]:
    """Day of month and day of week together mean either, unless one of them begins with `*`: then
    a day must match both, as in the cron of Unix."""
    day, month, weekday = days.split()
    if day in "*?" and month == "*" and weekday in "*?":
        for ordinal in range(first.toordinal(), date.max.toordinal()):
            yield date.fromordinal(ordinal)
    elif day[0] in "*?" or weekday[0] in "*?":
        yield from _walk(days, first)
    else:
        last = None
        for found in merge(_walk(f"{day} {month} *", first), _walk(f"* {month} {weekday}", first)):
            if found != last:
                yield found
            last = found


def _walk(days: str, first: date) -> Iterator[date]:
    from croniter import croniter
    from croniter.croniter import CroniterBadDateError

    before = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() - 1
    walker = croniter(f"0 0 {days}", before, max_years_between_matches=_YEARS_AHEAD, day_or=False)
    while True:
        try:
            yield datetime.fromtimestamp(walker.get_next(float), UTC).date()
        except (CroniterBadDateError, OverflowError, ValueError):
            return


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Read a line of five fields, six with the seconds first, or a word such as `@daily`.

    Raises ValueError with what is wrong, in words.
    """
    line = DESCRIPTORS.get(text.strip().lower(), text.strip())
    if line.startswith("@"):
        known = ", ".join([*DESCRIPTORS, "@every 90s"])
        raise ValueError(f"unknown descriptor {line.split()[0][:20]!r}, known are {known}")
    fields = line.split()
    if len(fields) not in (5, 6):
        raise ValueError(f"expected 5 fields, or 6 with the seconds first, found {len(fields)}")
    if len(fields) == 5:
        fields = ["0", *fields]
    for index, (name, field) in enumerate(zip(_NAMES, fields, strict=True)):
        if not _FIELD.fullmatch(field):
            raise ValueError(f"{field[:40]!r} is no {name}")
        if _CHANCE.search(field):
            raise ValueError(f"{field[:40]!r}: H and R are not supported, use a number or `jitter`")
        if wrong := mistake(field, index):
            raise ValueError(f"{field[:40]!r} is no {name}: {wrong}")
    second, minute, hour, *days = fields
    seconds = tuple(
        h * 3600 + m * 60 + s for h, m, s in product(_values(hour, 2), _values(minute, 1), _values(second, 0))
    )
    is_fixed = not any(part.startswith("*") for field in (minute, hour) for part in field.split(","))
    expression = Expression(text.strip(), seconds, is_fixed, " ".join(days))
    if not _come(expression.days):
        raise ValueError(f"{expression.text!r} never comes: there is no such date")
    return expression


@lru_cache(maxsize=4096)
def _values(field: str, index: int) -> tuple[int, ...]:
    """The numbers of a time field in order; `index` in the six fields."""
    from croniter import croniter
    from croniter.croniter import CroniterError

    limit = 24 if index == 2 else 60
    if not re.fullmatch(r"[0-9*/,\-]+", field):
        raise ValueError(f"{field[:40]!r} is no {_NAMES[index]}")
    try:
        if index == 2:
            parsed = croniter.expand(f"0 {field} * * *")[0][1]
        else:
            # Minutes and seconds have the same rules.
            parsed = croniter.expand(f"{field} 0 * * *")[0][0]
    except (CroniterError, ValueError, IndexError):
        raise ValueError(f"{field[:40]!r} is no {_NAMES[index]} (0 to {limit - 1})") from None
    return tuple(range(limit)) if "*" in parsed else tuple(sorted({int(value) for value in parsed}))


@lru_cache(maxsize=4096)
def _come(days: str) -> bool:
    """Whether there is such a day. Raises ValueError for a field that is wrong."""
    from croniter import croniter
    from croniter.croniter import CroniterError

    defaults = ["*", "*", "*"]
    for index, field in enumerate(days.split()):
        alone = [*defaults[:index], field, *defaults[index + 1 :]]
        try:
            croniter.expand(f"0 0 {' '.join(alone)}")
        except (CroniterError, ValueError, KeyError, IndexError):
            raise ValueError(f"{field[:40]!r} is no {_NAMES[index + 3]}") from None
    return next(_days_from(days, date(2024, 1, 1)), None) is not None
