"""Whether an instant lies in a window in which nothing is to be started, and until when."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from dagu_core.model.plan.schedule import Exclusion
from dagu_core.schedule.lanes import Clockwork

#: windows that touch are one for those who wait for the end; more in a row are for ever: so many
#: single minutes, or so many longer ones
_MOST_MINUTES, _MOST_LONGER = 2_000, 100


class Window(Struct, frozen=True):
    """An excluded stretch of time in epoch seconds, `end` exclusive, and why."""

    start: float
    end: float
    reason: str


class Exclusions:
    """The exclusions of a schedule, in one zone."""

    def __init__(
        self,
        exclusions: Sequence[Exclusion],
        zone: tzinfo,
        clockwork: Callable[[Exclusion], Clockwork],
    ) -> None:
        self._zone = zone
        self._plain = [each for each in exclusions if not each.kind]
        self._clocks = [(each, clockwork(each)) for each in exclusions if each.kind]

    def __bool__(self) -> bool:
        return bool(self._plain or self._clocks)

    def window_at(self, at: float) -> Window | None:
        """The first window `at` lies in."""
        here = datetime.fromtimestamp(at, self._zone)
        for each in self._plain:
            window = self._by_time(each, here) if each.between is not None else self._by_date(each, here)
            if window is not None and at < window.end:
                return window
        minute = math.floor(at / 60) * 60.0
        for each, work in self._clocks:
            tick = work.next_after(minute - 0.001)
            if tick is not None and tick.at < minute + 60 and not tick.skipped:
                return Window(minute, minute + 60, f"excluded: {each.text}")
        return None

    def end_of(self, at: float) -> float | None:
        """The first instant from `at` on that is not excluded; None when there is none in sight."""
        looked_at = 0.0
        while (window := self.window_at(at)) is not None:
            looked_at += _share(window)
            if looked_at > 1:
                return None
            at = window.end
        return at

    def start_of(self, at: float) -> float:
        """Where the windows begin, one touching the other, that `at` lies in; `at` itself outside."""
        looked_at = 0.0
        while looked_at <= 1 and (window := self.window_at(at)) is not None:
            looked_at += _share(window)
            at = window.start - 0.001
        return at

    def _by_time(self, each: Exclusion, here: datetime) -> Window | None:
        assert each.between is not None
        first, last = each.between
        second = here.hour * 3600 + here.minute * 60 + here.second
        crosses = last <= first
        if crosses and second < last:
            begun = here.date() - timedelta(days=1)
        elif first <= second and (crosses or second < last):
            begun = here.date()
        else:
            return None
        if each.days and begun.weekday() not in each.days:
            return None
        ends = begun + timedelta(days=1) if crosses else begun
        start, end = self._instant(begun, first), self._instant(ends, last)
        if end <= here.timestamp():
            # The clock was set back: the window's hours come a second time.
            end = self._instant(ends, last, fold=1)
        return Window(start, end, f"excluded: {each.text}")

    def _by_date(self, each: Exclusion, here: datetime) -> Window | None:
        today = here.date().isoformat()
        for first, last in each.dates:
            if first <= today <= last:
                after = date.fromisoformat(last) + timedelta(days=1)
                start = self._instant(date.fromisoformat(first), 0)
                return Window(start, self._instant(after, 0), f"excluded: {each.text}")
        return None

    def _instant(self, day: date, second: int, fold: int = 0) -> float:
        days, second = divmod(second, 86_400)
        clock = time(second // 3600, second // 60 % 60, second % 60, fold=fold)
        moment = datetime.combine(day + timedelta(days=days), clock, tzinfo=self._zone)
        return moment.timestamp()


def _share(window: Window) -> float:
    """How much of what may be looked at the window uses up."""
    return 1 / (_MOST_MINUTES if window.end - window.start <= 60 else _MOST_LONGER)
