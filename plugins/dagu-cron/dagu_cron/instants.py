"""Days and seconds of a day -> instants in a zone, with the rules for changes of the clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice

from dagu_core import Tick
from dagu_cron.expression import Expression

_DAY = 86_400


def ticks_after(expression: Expression, zone: tzinfo, after: float) -> Iterator[Tick]:
    """Every instant of the expression after `after`, in order.

    Times that the expression fixes come once a day: where the clock jumps over one, at the first
    instant behind the gap; where it shows one twice, the first time. A beat (`*`, `*/15` in hour
    or minute) follows the time that passes: it has no place in a gap and comes twice in a
    repeated hour.
    """
    # One day earlier: what a gap moves may fall on the next day, a whole lost day included.
    today = datetime.fromtimestamp(after, zone).date()
    last = after
    for day in expression.days_from(today - timedelta(days=1)):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        offset = _offset(zone, day)
        if offset is not None:
            base = midnight - offset
            skip = bisect_right(expression.seconds, after - base) if after > base else 0
            for second in islice(expression.seconds, skip, None):
                if (at := base + second) > last:
                    last = at
                    yield Tick(at)
            continue
        for tick in _on_changing_day(expression, zone, day, midnight):
            if tick.at > last:
                last = tick.at
                yield tick


def _offset(zone: tzinfo, day: date) -> float | None:
    """Seconds the zone is ahead of UTC all day long; None when the clock is changed that day."""
    try:
        samples = [datetime(day.year, day.month, day.day, hour, 0, tzinfo=zone) for hour in (0, 6, 12, 18)]
        samples.append(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=zone, fold=1))
        offsets = {sample.utcoffset() for sample in samples}
        if samples[0].replace(fold=1).utcoffset() not in offsets:
            return None
    except OverflowError:
        return None
    only = offsets.pop()
    return None if offsets or only is None else only.total_seconds()


def _on_changing_day(expression: Expression, zone: tzinfo, day: date, midnight: float) -> Iterator[Tick]:
    found: dict[float, str] = {}
    for second in expression.seconds:
        wall = datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60)
        first, again = (wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
        if again > first:
            found.setdefault(first, "")
            if not expression.is_fixed:
                found.setdefault(again, "")
        elif again == first:
            found.setdefault(first, "")
        elif expression.is_fixed:
            found.setdefault(
                _end_of_gap(zone, again, first), f"shifted: {wall:%H:%M:%S} does not exist on {day}"
            )
    for at in sorted(found):
        yield Tick(at, note=found[at])


def _end_of_gap(zone: tzinfo, before: float, behind: float) -> float:
    """The first instant after a jump of the clock that lies between the two."""
    old = datetime.fromtimestamp(before, zone).utcoffset()
    low, high = round(before), round(behind)
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return float(high)
