"""What a schedule says about a stretch of time: fires, skips and shifts. Pure but for calendars."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dagu_core.base.zones import zone_named
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.trigger import ClockScope
from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.schedule import ACTIONS, Exclusion, Schedule, ScheduleEntry
from dagu_core.schedule.exclusions import Exclusions
from dagu_core.schedule.judge import Candidate, Judge, filters_of
from dagu_core.schedule.lanes import Clockwork, Lane, clockwork
from dagu_core.schedule.slots import Slot

_DAY = 86_400.0
#: a filter keeps the time of day, so nothing is moved over a day that is free by more than this
_MARGIN = 26 * 3600.0
#: further than this a filter does not move anything
_REACH = 35 * _DAY
#: how far back the previous instant is looked for, first near, then far
_LOOK_BACK = (60.0, 3600.0, _DAY, 8 * _DAY, 62 * _DAY, 366 * _DAY, 9 * 366 * _DAY)
_MOST_LOOKED_AT = 50_000


class Planner:
    """The slots of one schedule.

    `zone` is the zone of the settings ("" = the system's), used when neither entry nor DAG name
    one. `seen` maps fingerprints of entries to the instant they were first seen. `filters` holds
    the DAG's values by key (`Plan.fields` as it is: other keys are left alone). `name` is the
    DAG's and spreads the jitter. Walking one iterator of `slots` is much cheaper than asking
    `next` again and again.

    Raises NotFound when the plugin of an entry is not installed, and Invalid for data it refuses.
    """

    def __init__(
        self,
        schedule: Schedule,
        catalog: Catalog,
        *,
        zone: str,
        seen: Mapping[str, float] | None = None,
        filters: Mapping[str, Any] | None = None,
        location: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        name: str = "",
    ) -> None:
        own_zone = zone_named(schedule.timezone or zone)
        scope = ClockScope(own_zone, location=schedule.location or location, folder=folder)
        seen = seen or {}

        def lane(index: int, entry: ScheduleEntry) -> Lane:
            its_zone = zone_named(entry.timezone) if entry.timezone else own_zone
            its_scope = replace(scope, zone=its_zone, anchor=seen.get(entry.fingerprint, 0.0))
            work = clockwork(catalog, entry.kind, entry.config, entry.text, its_scope)
            exact = work.trigger.exact(work.config)
            return Lane(index, ACTIONS.index(entry.action), entry, work, exact)

        def excluding(each: Exclusion) -> Clockwork:
            return clockwork(catalog, each.kind, each.config, each.text, scope)

        #: why nothing comes of entries that were taken out, as people read it
        self.left_out: tuple[str, ...] = ()
        self._lanes = [lane(index, entry) for index, entry in enumerate(schedule.entries)]
        exclusions = Exclusions(schedule.exclusions, own_zone, excluding)
        self._judge = Judge(
            exclusions, schedule.on_excluded == "defer", filters_of(catalog, filters or {}), scope
        )
        self._first = _midnight(schedule.start_date, own_zone, -math.inf)
        self._end = _midnight(schedule.end_date, own_zone, math.inf, days=1)
        self._jitter = max((entry.jitter for entry in schedule.entries), default=0.0)
        #: what spreads the jitter of each entry, but for the instant
        self._spread = [sha256(f"{name}\0{entry.fingerprint}\0".encode()) for entry in schedule.entries]

    @classmethod
    def of(
        cls,
        plan: Plan,
        catalog: Catalog,
        *,
        zone: str,
        seen: Mapping[str, float] | None = None,
        location: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> Planner:
        """The planner of a plan, with its filters."""
        return cls(
            plan.schedule,
            catalog,
            zone=zone,
            seen=seen,
            filters=plan.fields,
            location=location,
            folder=folder,
            name=plan.name,
        )

    def slots(self, after: float, until: float) -> Iterator[Slot]:
        """Every slot to be done in (after, until], in the order of `at`, skipped ones included;
        made one by one as they are taken."""
        if len(self._lanes) == 1 and not self._judge and not self._jitter:
            return self._of_one_lane(self._lanes[0], after, until)
        return self._merged(after, until)

    def leave_out(self, least: float) -> None:
        """Take out the entries whose instants lie closer than `least` seconds; `left_out` names them."""
        for lane in tuple(self._lanes):
            if (gap := lane.work.trigger.closest(lane.work.config)) < least:
                pace = f"comes every {gap:g} s, the settings allow {least:g} s: nothing is done by it"
                self.left_out += (f"schedule {lane.entry.text!r} {pace}; see scheduler.minInterval",)
                self._lanes.remove(lane)

    @property
    def exact(self) -> bool:
        """Whether all its entries are meant to the second."""
        return all(lane.exact for lane in self._lanes)

    def next(self, after: float) -> Slot | None:
        """The first slot after `after`, skipped ones included; None = there is none any more."""
        return next(self.slots(after, math.inf), None)

    def previous_due(self, action: str, before: float) -> float | None:
        """The last instant before `before` at which the action was due and not skipped."""
        looked_at = 0
        for reach in _LOOK_BACK:
            found = None
            for slot in self.slots(before - reach, before + self._jitter):
                looked_at += 1
                if slot.action == action and not slot.skipped and slot.due < before:
                    found = slot.due if found is None else max(found, slot.due)
            if found is not None or looked_at > _MOST_LOOKED_AT:
                return found
        return None

    def backfillable(self, entry: ScheduleEntry) -> bool:
        """Whether instants of the past can be asked for."""
        lane = next((each for each in self._lanes if each.entry is entry or each.entry == entry), None)
        return lane is not None and lane.work.trigger.backfillable(lane.work.config)

    def _of_one_lane(self, lane: Lane, after: float, until: float) -> Iterator[Slot]:
        action, entries, end = lane.entry.action, (lane.entry,), self._end
        for tick in lane.work.ticks(max(after, self._before_first)):
            at = tick.at
            if at > until or at >= end:
                return
            yield Slot(at, at, action, entries, tick.skipped, tick.note, "", lane.exact)

    def _merged(self, after: float, until: float) -> Iterator[Slot]:
        begin = self._begin(after)
        lanes = [self._candidates(lane, begin) for lane in self._lanes]
        if self._judge.shifts:
            groups = _settled(heapq.merge(*lanes, key=attrgetter("source")), until)
        else:
            # Nothing of a lane comes before what it has named already.
            in_order = heapq.merge(*lanes) if len(lanes) > 1 else chain.from_iterable(lanes)
            groups = (list(group) for _, group in groupby(in_order, attrgetter("target", "rank")))
        slots = map(self._slot, groups)
        for slot in _by_delay(slots) if self._jitter else slots:
            if slot.at > until:
                return
            if slot.at > after:
                yield slot

    def _slot(self, group: list[Candidate]) -> Slot:
        first, skipped, note, warning = group[0], group[0].skipped, group[0].note, group[0].warning
        entries: tuple[ScheduleEntry, ...]
        if len(group) == 1:
            entries = (first.lane.entry,)
        else:
            fires = [each for each in group if not each.skipped] or group
            first = fires[0]
            entries = tuple({each.index: each.lane.entry for each in fires}.values())
            skipped = first.skipped and "; ".join(dict.fromkeys([each.skipped for each in fires]))
            note = "; ".join(dict.fromkeys([each.note for each in fires if each.note]))
            warning = "; ".join(dict.fromkeys([each.warning for each in fires if each.warning]))
        due = first.target
        at = due if skipped or not self._jitter else due + self._delay(first.lane, due)
        exact = all(each.lane.exact for each in group)
        return Slot(due, at, first.lane.entry.action, entries, skipped, note, warning, exact)

    def _delay(self, lane: Lane, due: float) -> float:
        """The same for the same DAG, entry and instant, spread evenly over the jitter."""
        if not lane.entry.jitter:
            return 0.0
        spread = self._spread[lane.index].copy()
        spread.update(str(due).encode())
        return round(lane.entry.jitter * int.from_bytes(spread.digest()[:4], "big") / 0xFFFF_FFFF, 3)

    def _candidates(self, lane: Lane, begin: float) -> Iterator[Candidate]:
        judged, judge = self._judge.covers(lane.entry.action), self._judge.walking().judge
        rank, index = lane.rank, lane.index
        asked = max(begin, self._before_first)
        while True:
            deferred = None
            for tick in lane.work.ticks(asked):
                if tick.at >= self._end:
                    return
                if not judged or tick.skipped:
                    yield Candidate(tick.at, rank, index, tick.at, lane, tick.skipped, tick.note)
                    continue
                candidate, deferred = judge(lane, tick)
                if candidate.target >= self._end:
                    candidate = candidate.dropped("moved beyond endDate")
                yield candidate
                if deferred is not None:
                    break
            if deferred is None:
                return
            # All others in this window would be moved to the same instant.
            asked = deferred - 0.001

    def _begin(self, after: float) -> float:
        """Where to begin so that everything that is moved behind `after` is met."""
        begin = after - self._jitter
        if self._judge.shifts:
            begin -= _MARGIN
            for _ in range(round(_REACH / _DAY)):
                begin -= _DAY
                if self._has_clear(begin, begin + _DAY):
                    break
        return self._judge.window_start(begin)

    def _has_clear(self, begin: float, end: float) -> bool:
        for lane in self._lanes:
            for candidate in self._candidates(lane, begin):
                if candidate.source > end:
                    break
                if candidate.clear:
                    return True
        return False

    @property
    def _before_first(self) -> float:
        return self._first - 0.001


def _midnight(day: str, zone: Any, missing: float, days: int = 0) -> float:
    if not day:
        return missing
    midnight = datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), tzinfo=zone)
    return midnight.timestamp()


def _settled(candidates: Iterable[Candidate], until: float) -> Iterator[list[Candidate]]:
    """Candidates in the order of `source` -> those of each instant and action, in the order of
    `target`, as soon as nothing that is still to come can change them."""
    groups: dict[tuple[float, int], list[Candidate]] = {}
    due: list[tuple[float, int]] = []
    cleared = -math.inf
    for candidate in candidates:
        cleared = max(cleared, candidate.source if candidate.clear else -math.inf)
        sure = max(cleared - _MARGIN, candidate.source - _REACH)
        while due and due[0][0] < sure:
            yield sorted(groups.pop(heapq.heappop(due)))
        if sure > until:
            return
        key = (candidate.target, candidate.rank)
        if key not in groups:
            groups[key] = []
            heapq.heappush(due, key)
        groups[key].append(candidate)
    while due:
        yield sorted(groups.pop(heapq.heappop(due)))


def _by_delay(slots: Iterable[Slot]) -> Iterator[Slot]:
    """Slots in the order of `due` -> the same in the order of `at`, which may be later."""
    ready: list[tuple[float, int, Slot]] = []
    for number, slot in enumerate(slots):
        while ready and ready[0][0] < slot.due:
            yield heapq.heappop(ready)[2]
        heapq.heappush(ready, (slot.at, number, slot))
    while ready:
        yield heapq.heappop(ready)[2]
