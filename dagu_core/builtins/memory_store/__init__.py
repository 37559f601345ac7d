"""`MemoryStore`: the twin of the embedded store for tests and dry runs; gone with its process."""

from __future__ import annotations

from typing import ClassVar

from dagu_core.base.errors import Conflict
from dagu_core.builtins.memory_store.runs import MemoryRuns, Record, hand_over
from dagu_core.contracts.store import QueueState, StoredRun
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus


class MemoryStore(MemoryRuns):
    """Runs in dictionaries of this process. URL `memory:`; no method ever waits."""

    scheme: ClassVar[str] = "memory"

    async def claim(
        self,
        queue: str,
        *,
        engine: str,
        host: str,
        limit: int = 1,
        slots: int | None = None,
        ref: RunRef | None = None,
    ) -> list[StoredRun]:
        self._check_open()
        waiting = [
            summary
            for summary in self._waiting()
            if queue in ("", summary.queue) and (summary.ref == ref if ref else not summary.engine)
        ]
        if slots is not None:
            free = slots - self._slots_used(queue) - self._slots_wanted(queue)
            limit = min(limit, free if ref else free - self._children_waiting(queue))
        claimed: list[RunSummary] = []
        for summary in waiting:
            if len(claimed) >= limit:
                break
            if summary.home and slots is not None and not self._has_room(summary):
                continue
            claimed.append(summary)
            summary.status, summary.holds_slot = RunStatus.RUNNING, True
            hand_over(self._runs[summary.ref], engine, host)
        return [await self.load(summary.ref) for summary in claimed]

    async def hold_slot(
        self, ref: RunRef, *, fence: int, held: bool = True, slots: int | None = None
    ) -> bool:
        record = self._record(ref)
        summary = record.summary
        if summary.fence != fence:
            raise Conflict(f"run {ref} has another owner")
        free = summary.holds_slot or slots is None or self._slots_used(summary.queue) < slots
        if summary.home and slots is not None and not summary.holds_slot:
            free = free and self._slots_used(summary.home) < summary.home_slots
        summary.holds_slot, record.wants_slot = held and free, held and not free
        return summary.holds_slot

    async def queues(self) -> list[QueueState]:
        self._check_open()
        waiting: dict[str, list[RunSummary]] = {}
        for summary in self._waiting():
            waiting.setdefault(summary.queue, []).append(summary)
        used = [record.summary for record in self._runs.values() if _takes_slot(record.summary)]
        taken = {name for one in used for name in (one.queue, one.home) if name}
        found = []
        for name in sorted(waiting.keys() | taken):
            there = waiting.get(name, [])
            free = [one.ref for one in there if not one.engine]
            first = free[0] if free else None
            found.append(
                QueueState(name, len(free), self._slots_used(name), first, owned=len(there) - len(free))
            )
        return found

    def _waiting(self) -> list[RunSummary]:
        records = [one for one in self._runs.values() if one.summary.status is RunStatus.QUEUED]
        records.sort(key=lambda one: (-one.summary.priority, _queued_at(one.summary), one.number))
        return [one.summary for one in records]

    def _slots_used(self, queue: str) -> int:
        return sum(_takes_slot(one.summary) for one in self._in(queue))

    def _slots_wanted(self, queue: str) -> int:
        return sum(one.wants_slot and one.summary.status is RunStatus.RUNNING for one in self._in(queue))

    def _children_waiting(self, queue: str) -> int:
        parents = [one.parent for one in self._waiting() if one.queue == queue and one.engine]
        found = [self._runs[parent].summary for parent in parents if parent in self._runs]
        return sum(one.status is RunStatus.RUNNING for one in found)

    def _has_room(self, guest: RunSummary) -> bool:
        return self._slots_used(guest.home) + self._slots_wanted(guest.home) < guest.home_slots

    def _in(self, queue: str) -> list[Record]:
        return [one for one in self._runs.values() if queue in (one.summary.queue, one.summary.home)]


def _takes_slot(summary: RunSummary) -> bool:
    return summary.status is RunStatus.RUNNING and summary.holds_slot


def _queued_at(summary: RunSummary) -> float:
    if summary.queue_place is not None:
        return summary.queue_place
    return summary.created_at if summary.queued_at is None else summary.queued_at
