"""`MemoryStore`: the twin of the embedded store for tests and dry runs; gone with its process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dagu_core.base.clock import Clock, SystemClock
from dagu_core.base.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from dagu_core.contracts.store import Change, QueueState, RunQuery, StateStore, StoredRun, Versioned
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.codec import (
    decode_event,
    decode_signal,
    decode_step,
    decode_summary,
    dump_json,
    encode_event,
    encode_signal,
    encode_step,
    encode_summary,
    load_json,
)
from dagu_core.model.run.events import Event, RunReset, RunStarted
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.run.signals import Signal
from dagu_core.model.status import RunStatus


@dataclass(slots=True)
class _Record:
    """A run; texts of the codec, so that nobody shares an object with the store."""

    number: int
    summary: RunSummary
    steps: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Pair:
    text: str
    version: int
    expires_at: float | None


class MemoryStore(StateStore):
    """Runs in dictionaries of this process. URL `memory:`; no method ever waits."""

    scheme: ClassVar[str] = "memory"

    def __init__(self, url: str = "memory:", *, clock: Clock | None = None) -> None:
        super().__init__(url)
        self._clock = clock or SystemClock()
        self._is_open = False
        self._count = 0
        self._runs: dict[RunRef, _Record] = {}
        self._definitions: dict[str, Source] = {}
        self._leases: dict[str, tuple[str, int, float]] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    # -- runs -----------------------------------------------------------------------------------

    async def create(self, change: Change, definition: Source) -> None:
        self._check_open()
        ref = change.summary.ref
        if (there := self._runs.get(ref)) is not None:
            status = there.summary.status.label
            raise AlreadyExists(
                f"run id {ref.run_id} already exists", dag=ref.dag, run_id=ref.run_id, status=status
            )
        self._count += 1
        record = _Record(self._count, change.summary)
        _apply(record, change)
        self._runs[ref] = record
        self._definitions.setdefault(change.summary.definition, definition)

    async def commit(self, change: Change) -> None:
        record = self._record(change.summary.ref)
        stored, summary = record.summary, change.summary
        if stored.fence > summary.fence:
            raise Conflict(f"run {stored.ref} has another owner")
        if stored.status.is_over and not any(isinstance(e, (RunReset, RunStarted)) for e in change.events):
            raise Conflict(f"run {stored.ref} is over: it {stored.status.label}", status=stored.status.label)
        _apply(record, change)

    async def load(self, ref: RunRef) -> StoredRun:
        record = self._record(ref)
        return StoredRun(
            _copy(record.summary), {name: decode_step(body) for name, body in record.steps.items()}
        )

    async def find(self, query: RunQuery) -> list[RunSummary]:
        self._check_open()
        found = [record for record in self._runs.values() if _matches(query, record.summary)]
        found.sort(key=lambda record: (record.summary.created_at, record.number), reverse=True)
        start = max(query.offset, 0)
        return [_copy(record.summary) for record in found[start : start + max(query.limit, 0)]]

    async def definition(self, key: str) -> Source:
        self._check_open()
        if key not in self._definitions:
            raise NotFound(f"definition {key!r} is not stored")
        return self._definitions[key]

    async def events(self, ref: RunRef, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        numbered = list(enumerate(self._record(ref).events, 1))[max(after, 0) :]
        return [(seq, decode_event(body)) for seq, body in numbered[: max(limit, 0)]]

    async def adopt(self, ref: RunRef, *, fence: int, engine: str, host: str) -> int:
        summary = self._record(ref).summary
        if summary.fence != fence:
            raise Conflict(f"run {ref} was taken over by another process")
        _hand_over(summary, engine, host)
        return summary.fence

    async def delete(self, refs: Sequence[RunRef]) -> int:
        self._check_open()
        removed = 0
        for ref in dict.fromkeys(refs):
            if ref not in self._runs or self._runs[ref].summary.status.is_active:
                continue
            removed += 1
            for below in self._family(ref):
                if not self._runs[below].summary.status.is_active:
                    del self._runs[below]
        used = {record.summary.definition for record in self._runs.values()}
        self._definitions = {key: text for key, text in self._definitions.items() if key in used}
        return removed

    async def leave_signal(self, ref: RunRef, signal: Signal) -> None:
        self._record(ref).signals.append(encode_signal(signal))

    async def signals(self, refs: Sequence[RunRef]) -> dict[RunRef, list[Signal]]:
        self._check_open()
        taken: dict[RunRef, list[Signal]] = {}
        for ref in refs:
            if (record := self._runs.get(ref)) is not None and record.signals:
                taken[ref] = [decode_signal(body) for body in record.signals]
                record.signals.clear()
        return taken

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
            _hand_over(summary, engine, host)
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

    # -- leases and pairs -----------------------------------------------------------------------

    async def acquire(self, key: str, owner: str, ttl: float) -> int | None:
        self._check_open()
        if not owner or ttl <= 0:
            raise Invalid("a lease needs an owner and a positive time")
        now = self._clock.now()
        holder, fence, expires_at = self._leases.get(key, ("", 0, 0.0))
        if expires_at > now and holder != owner:
            return None
        if expires_at <= now:
            fence += 1
        self._leases[key] = (owner, fence, now + ttl)
        return fence

    async def release(self, key: str, owner: str) -> None:
        self._check_open()
        holder, fence, _ = self._leases.get(key, ("", 0, 0.0))
        if holder == owner:
            self._leases[key] = ("", fence, 0.0)

    async def get(self, namespace: str, key: str) -> Versioned | None:
        self._check_open()
        pair = self._pairs.get((namespace, key))
        if pair is None or self._has_expired(pair):
            return None
        return Versioned(load_json(pair.text), pair.version)

    async def put(
        self,
        namespace: str,
        key: str,
        value: Any,
        *,
        expected: int | None = None,
        ttl: float | None = None,
    ) -> int:
        self._check_open()
        try:
            text = dump_json(value)
        except ValueError as error:
            raise Invalid(f"{namespace}/{key}: {error}") from None
        pair = self._pairs.get((namespace, key)) or _Pair("", 0, None)
        version = 0 if self._has_expired(pair) else pair.version
        if expected is not None and expected != version:
            raise Conflict(f"{namespace}/{key} has version {version}, not {expected}", version=version)
        expires_at = None if ttl is None else self._clock.now() + ttl
        self._pairs[namespace, key] = _Pair(text, pair.version + 1, expires_at)
        return pair.version + 1

    async def remove(self, namespace: str, key: str) -> bool:
        self._check_open()
        pair = self._pairs.pop((namespace, key), None)
        return pair is not None and not self._has_expired(pair)

    async def scan(self, namespace: str, prefix: str = "", limit: int = 1000) -> list[tuple[str, Versioned]]:
        self._check_open()
        found = [
            (key, Versioned(load_json(pair.text), pair.version))
            for (space, key), pair in sorted(self._pairs.items())
            if space == namespace and key.startswith(prefix) and not self._has_expired(pair)
        ]
        return found[: max(limit, 0)]

    # -- inside ---------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self._is_open:
            raise Unavailable("the memory store is not open")

    def _record(self, ref: RunRef) -> _Record:
        self._check_open()
        if ref not in self._runs:
            raise NotFound(f"run {ref} does not exist")
        return self._runs[ref]

    def _family(self, ref: RunRef) -> list[RunRef]:
        family = {ref: None}
        # Children are created after their parents, so one pass in that order sees every level.
        for below, record in self._runs.items():
            if record.summary.parent in family or record.summary.root == ref:
                family[below] = None
        return list(family)

    def _has_expired(self, pair: _Pair) -> bool:
        return pair.expires_at is not None and pair.expires_at <= self._clock.now()


def _copy(summary: RunSummary) -> RunSummary:
    return decode_summary(encode_summary(summary))


def _apply(record: _Record, change: Change) -> None:
    try:
        summary = _copy(change.summary)
        steps = {name: encode_step(step) for name, step in change.steps.items()}
        events = [encode_event(event) for event in change.events]
    except ValueError as error:
        raise Invalid(f"cannot be stored: {error}") from None
    record.summary = summary
    record.steps |= steps
    record.events += events
    summary.seq = len(record.events)


def _takes_slot(summary: RunSummary) -> bool:
    return summary.status is RunStatus.RUNNING and summary.holds_slot


def _hand_over(summary: RunSummary, engine: str, host: str) -> None:
    summary.fence, summary.engine, summary.host = summary.fence + 1, engine, host


def _queued_at(summary: RunSummary) -> float:
    return summary.created_at if summary.queued_at is None else summary.queued_at


def _matches(query: RunQuery, run: RunSummary) -> bool:
    if query.root is not None:
        in_tree = run.root == query.root
    else:
        in_tree = not query.roots_only or (run.parent is None and run.root in (None, run.ref))
    wanted = query.run_id == run.ref.run_id if query.exact else query.run_id in run.ref.run_id
    return (
        in_tree
        and (wanted or not query.run_id)
        and query.dag in ("", run.ref.dag)
        and query.queue in ("", run.queue)
        and (not query.statuses or run.status in query.statuses)
        and (query.since is None or run.created_at >= query.since)
        and (query.until is None or run.created_at < query.until)
        and set(query.tags) <= set(run.tags)
    )
