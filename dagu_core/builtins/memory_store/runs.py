"""Runs in dictionaries of this process."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from dagu_core.base.clock import Clock
from dagu_core.base.errors import AlreadyExists, Conflict, Invalid, NotFound
from dagu_core.builtins.memory_store.pairs import MemoryPairs
from dagu_core.contracts.store import Change, RunQuery, StoredRun
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.codec import (
    decode_event,
    decode_signal,
    decode_step,
    decode_summary,
    encode_event,
    encode_signal,
    encode_step,
    encode_summary,
)
from dagu_core.model.run.events import Event, RunReset, RunStarted
from dagu_core.model.run.run import TRIGGER, RunRef, RunSummary
from dagu_core.model.run.signals import Signal


class Record(Struct):
    """A run; texts of the codec, so that nobody shares an object with the store."""

    number: int
    summary: RunSummary
    steps: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    wants_slot: bool = False


class MemoryRuns(MemoryPairs):
    """Runs, their events and signals."""

    def __init__(self, url: str = "memory:", *, clock: Clock | None = None) -> None:
        super().__init__(url, clock=clock)
        self._count = 0
        self._runs: dict[RunRef, Record] = {}
        self._definitions: dict[str, Source] = {}

    async def create(self, change: Change, definition: Source) -> None:
        self._check_open()
        ref = change.summary.ref
        if (there := self._runs.get(ref)) is not None:
            status = there.summary.status.label
            raise AlreadyExists(
                f"run id {ref.run_id} already exists", dag=ref.dag, run_id=ref.run_id, status=status
            )
        self._count += 1
        record = Record(self._count, change.summary)
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
        record.summary.holds_slot = stored.holds_slot
        if summary.status.is_over:
            record.signals.clear()
        heard = {encode_signal(one) for one in change.heard}
        record.signals = [body for body in record.signals if body not in heard]

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
        record = self._record(ref)
        if record.summary.fence != fence:
            raise Conflict(f"run {ref} was taken over by another process")
        hand_over(record, engine, host)
        return record.summary.fence

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
        if not (record := self._record(ref)).summary.status.is_over:
            record.signals.append(encode_signal(signal))

    async def signals(self, refs: Sequence[RunRef]) -> dict[RunRef, list[Signal]]:
        self._check_open()
        waiting: dict[RunRef, list[Signal]] = {}
        for ref in refs:
            if (record := self._runs.get(ref)) is not None and record.signals:
                waiting[ref] = [decode_signal(body) for body in record.signals]
        return waiting

    def _record(self, ref: RunRef) -> Record:
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


def _copy(summary: RunSummary) -> RunSummary:
    return decode_summary(encode_summary(summary))


def _apply(record: Record, change: Change) -> None:
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


def hand_over(record: Record, engine: str, host: str) -> None:
    """Make an engine the owner; a slot its last one wanted is not wanted any more."""
    record.wants_slot, summary = False, record.summary
    summary.fence, summary.engine, summary.host = summary.fence + 1, engine, host


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
        and query.trigger in ("", run.trigger_type)
        and query.trigger_text in run.extra.get(TRIGGER, "")
        and (not query.statuses or run.status in query.statuses)
        and (query.since is None or run.created_at >= query.since)
        and (query.until is None or run.created_at < query.until)
        and set(query.tags) <= set(run.tags)
    )
