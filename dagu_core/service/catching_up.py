"""What becomes of starts that nobody made in time: forgotten and told, or caught up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from dagu_core.app.accepting import is_held
from dagu_core.app.overlap import Arrival, Turn, active_runs
from dagu_core.app.scheduled import LOW, request_of, written
from dagu_core.base.errors import DaguError, LostOwnership, Unavailable
from dagu_core.model.plan.schedule import CatchUp
from dagu_core.schedule.identity import run_id_of
from dagu_core.schedule.slots import Slot
from dagu_core.service.firing import Firing, first_line
from dagu_core.service.timetable import Missed

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Kind

#: missed starts are counted so far; there is no use in knowing more precisely
_COUNTED = 10_000
_BREATH = 500


class Gap(Struct):
    """Starts, stops or restarts that were missed: `kept` are the newest of them, with the start before each;
    `count` all of them, `first` and `last` their instants."""

    kept: deque[tuple[Slot, float | None]]
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    #: instants of those that are not kept
    dropped: list[float] = field(default_factory=list)

    def add(self, slot: Slot, previous: float | None) -> None:
        """One more, the newest."""
        if len(self.kept) == self.kept.maxlen:
            self.dropped = [self.dropped[0] if self.dropped else self.kept[0][0].due, self.kept[0][0].due]
        self.kept.append((slot, previous))
        self.first = self.first if self.count else slot.due
        self.count, self.last = self.count + 1, slot.due


class CatchingUp:
    """Looks after what was missed, a DAG at a time; `room` is how many may still be caught up now."""

    def __init__(self, app: App, firing: Firing) -> None:
        self.app, self._firing = app, firing
        self.room = app.settings.scheduler.catchup_total

    async def handle(self, missed: Missed) -> None:
        """Catch up what was missed, or record that it was. Raises LostOwnership and Unavailable:
        then it was not handled."""
        plan = missed.line.plan
        rule = plan.schedule.catch_up
        if self._firing.is_suspended(plan) or not plan.schedule.entries:
            return  # what falls into a suspension is not missed
        begin = missed.until
        if rule.mode != "none":
            begin = min(begin, max(missed.after, self.app.clock.now() - rule.window))
        older = await self._gaps(missed, missed.after, begin, 1, _COUNTED)
        inside = await self._gaps(missed, begin, missed.until, self._most(rule), None)
        if not (older or inside):
            return
        await self._firing.sure()
        beyond = "" if rule.mode == "none" else " (longer ago than the window of catch-up)"
        for action, lost in older.items():
            note = beyond if action == "start" else ""
            await self._tell(plan.name, "missed", lost.count, lost.first, lost.last, action, note)
        gap = inside.pop("start", None)
        for action, lost in inside.items():
            await self._tell(plan.name, "missed", lost.count, lost.first, lost.last, action)
        if gap is None:
            return
        if len(gap.kept) < gap.count:
            left = gap.count - len(gap.kept)
            kind: Kind = "missed" if rule.mode == "latest" else "truncated"
            await self._tell(plan.name, kind, left, gap.dropped[0], gap.dropped[-1])
        await self._bring(missed, list(gap.kept))

    def _most(self, rule: CatchUp) -> int:
        """How many of the starts in the window are made."""
        settings = self.app.settings.scheduler
        most = min(rule.max_runs or settings.catchup_per_dag, settings.catchup_per_dag, max(1, self.room))
        return 1 if rule.mode == "latest" else most

    async def _gaps(
        self, missed: Missed, after: float, until: float, keep: int, most: int | None
    ) -> dict[str, Gap]:
        """What was missed in (after, until], by action; no more than `most` of one is counted."""
        gaps: dict[str, Gap] = {}
        previous = None
        if after >= until:
            return gaps
        for number, slot in enumerate(missed.line.planner.slots(after, until)):
            if not slot.skipped and missed.covers(slot) and missed.line.counts(slot):
                gap = gaps.setdefault(slot.action, Gap(deque(maxlen=keep)))
                gap.add(slot, previous)
                if gap.count == most:
                    break
            if slot.action == "start" and not slot.skipped:
                previous = slot.due
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        return gaps

    async def _bring(self, missed: Missed, slots: Sequence[tuple[Slot, float | None]]) -> None:
        """Record the runs of a batch, in the order they are made in."""
        line, plan = missed.line, missed.line.plan
        rule, overlap = plan.schedule.catch_up, plan.schedule.overlap
        turn = Turn("catchup", 1, rule.delay)
        if overlap.explicit and overlap.policy == "skip" and await self._others_are_active(line.plan.name):
            for slot, _ in slots:
                detail = "a run of the DAG is active (overlapPolicy: skip)"
                await self._firing.decide(plan.name, "dropped", "overlap", detail, slot.due)
            return
        last = slots[-1][0].due
        for slot, previous in slots:
            if previous is None:
                previous = line.planner.previous_due("start", slot.due)
            run_id = run_id_of(slot)
            request = request_of(
                self.app, plan, slot, run_id, type="catchup", previous=previous, priority=LOW
            )
            order = last - slot.due if rule.reverse else slot.due
            await self._firing.sure()
            try:
                arrival: Arrival = await self._firing.start(plan, request, order, turn, slot.warning)
            except (LostOwnership, Unavailable):
                raise
            except DaguError as error:
                await self._firing.decide(plan.name, "refused", error.code, first_line(error), slot.due)
                continue
            self.room -= arrival.outcome != "exists"

    async def _others_are_active(self, dag: str) -> bool:
        return any(not is_held(one) for one in await active_runs(self.app, [dag]))

    async def _tell(
        self,
        dag: str,
        kind: Kind,
        count: int,
        first: float,
        last: float,
        action: str = "start",
        note: str = "",
    ) -> None:
        number = f"at least {count}" if count >= _COUNTED else str(count)
        zone = self.app.settings.core.tz
        what = f"{action} was" if count == 1 else f"{action}s were"
        detail = f"{number} {what} missed, from {written(first, zone)} to {written(last, zone)}{note}"
        if kind == "truncated":
            detail += " (over the limit of catch-up)"
        reason = "fires.missed" if kind == "missed" else "catchup"
        await self._firing.decide(dag, kind, reason, detail, last, action=action)
