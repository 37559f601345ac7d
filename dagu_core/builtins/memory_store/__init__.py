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
            limit = min(limit, slots - self._slots_used(queue))
        claimed = waiting[: max(limit, 0)]
        for summary in claimed:
            summary.status, summary.holds_slot = RunStatus.RUNNING, True
            hand_over(summary, engine, host)
        return [await self.load(summary.ref) for summary in claimed]

    async def queues(self) -> list[QueueState]:
        self._check_open()
        waiting: dict[str, list[RunRef]] = {}
        for summary in self._waiting():
            if not summary.engine:
                waiting.setdefault(summary.queue, []).append(summary.ref)
        names = waiting.keys() | {
            record.summary.queue for record in self._runs.values() if _takes_slot(record.summary)
        }
        return [
            QueueState(
                name,
                len(refs := waiting.get(name, [])),
                self._slots_used(name),
                refs[0] if refs else None,
            )
            for name in sorted(names)
        ]

    def _waiting(self) -> list[RunSummary]:
        records = [one for one in self._runs.values() if one.summary.status is RunStatus.QUEUED]
        records.sort(key=lambda one: (-one.summary.priority, _queued_at(one.summary), one.number))
        return [one.summary for one in records]

    def _slots_used(self, queue: str) -> int:
        return sum(_takes_slot(one.summary) for one in self._runs.values() if one.summary.queue == queue)
