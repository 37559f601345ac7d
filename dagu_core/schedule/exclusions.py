"""Whether an instant lies in a window in which nothing is to be started, and until when."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from dagu_core.contracts.trigger import Tick
from dagu_core.model.plan.schedule import Exclusion
from dagu_core.schedule.lanes import Clockwork

#: windows that touch are one for those who wait for the end; more in a row are for ever: so many
#: single minutes, or so many longer ones
_MOST_MINUTES, _MOST_LONGER = 2_000, 100
_DAY = 86_400


class Window(Struct, frozen=True):
    """An excluded stretch of time in epoch seconds, `end` exclusive, and why."""

    start: float
    end: float
    reason: str


class Exclusions:
    """The exclusions of a schedule, in one zone.

    It remembers for how long its last answer holds: asked in the order of time it is quick.
    """

    def __init__(
        self,
        exclusions: Sequence[Exclusion],
        zone: tzinfo,
        clockwork: Callable[[Exclusion], Clockwork],
    ) -> None:
        self._zone = zone
        self._plain = [each for each in exclusions if not each.kind]
        self._clocks = [(each, _Minutes(clockwork(each))) for each in exclusions if each.kind]
        #: the seconds of a day at which a window of the wall clock may begin or end
        self._edges = sorted({_DAY}.union(*(each.between or () for each in self._plain)))
        #: the last answer, from when and until when it holds
        self._since, self._until = 0.0, 0.0
        self._window: Window | None = None

    def walking(self) -> Exclusions:
        """The same with a memory of its own, for somebody who walks through time."""
        own = copy(self)
        own._since, own._until, own._window = 0.0, 0.0, None
        own._clocks = [(each, _Minutes(minutes.work)) for each, minutes in self._clocks]
        return own

    def __bool__(self) -> bool:
        return bool(self._plain or self._clocks)

    def window_at(self, at: float) -> Window | None:
        """The first window `at` lies in."""
        if not self._since <= at < self._until:
            self._since, (self._window, self._until) = at, self._look(at)
        return self._window

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

    def _look(self, at: float) -> tuple[Window | None, float]:
        """The first window `at` lies in, and until when that answer holds."""
        until = math.inf
        if self._plain:
            here = datetime.fromtimestamp(at, self._zone)
            until = self._next_edge(here, at)
            for each in self._plain:
                window = self._by_time(each, here) if each.between is not None else self._by_date(each, here)
                if window is not None and at < window.end:
                    return window, until
        minute = math.floor(at / 60) * 60.0
        for each, minutes in self._clocks:
            tick = minutes.first_from(minute)
            if tick is None:
                continue
            if tick.at >= minute + 60:
                until = min(until, math.floor(tick.at / 60) * 60.0)
                continue
            until = min(until, minute + 60)
            if not tick.skipped:
                return Window(minute, minute + 60, f"excluded: {each.text}"), until
        return None, until

    def _next_edge(self, here: datetime, at: float) -> float:
        """When a window of the wall clock may begin or end next; `at` itself on a day on which the
        clock is changed."""
        today = here.date()
        if today == date.max or self._instant(today, _DAY, fold=1) - self._instant(today, 0) != _DAY:
            return at
        second = here.hour * 3600 + here.minute * 60 + here.second
        return math.floor(at) + self._edges[bisect_right(self._edges, second)] - second

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
        days, second = divmod(second, _DAY)
        clock = time(second // 3600, second // 60 % 60, second % 60, fold=fold)
        moment = datetime.combine(day + timedelta(days=days), clock, tzinfo=self._zone)
        return moment.timestamp()


class _Minutes:
    """The instants of an excluding clock, walked along while they are asked for in order."""

    def __init__(self, work: Clockwork) -> None:
        self.work = work
        self._ticks: Iterator[Tick] = iter(())
        self._asked = math.inf
        self._next: Tick | None = None

    def first_from(self, minute: float) -> Tick | None:
        """The first instant in this minute (epoch seconds) or later."""
        if not self._asked <= minute < self._asked + _DAY:
            self._ticks = self.work.ticks(minute - 0.001)
            self._next = next(self._ticks, None)
        self._asked = minute
        while self._next is not None and self._next.at < minute:
            self._next = next(self._ticks, None)
        return self._next


def _share(window: Window) -> float:
    """How much of what may be looked at the window uses up."""
    return 1 / (_MOST_MINUTES if window.end - window.start <= 60 else _MOST_LONGER)
