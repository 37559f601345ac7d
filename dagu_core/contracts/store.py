"""Where runs are kept. A new backend is one class, proven by one inherited suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct, field

from dagu_core.model.plan.plan import Source
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.run.signals import Signal
from dagu_core.model.status import RunStatus


class Change(Struct, frozen=True):
    """What one commit writes: the run's row, the touched steps by node name, the events.

    `durable` asks that the commit reaches the disk before it is acknowledged. `heard` are signals the
    run knows of from now on: they wait no more.
    """

    summary: RunSummary
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    events: Sequence[Event] = ()
    durable: bool = False
    heard: Sequence[Signal] = ()


class StoredRun(Struct, frozen=True):
    """A run as it was last committed. Steps that never started have no entry."""

    summary: RunSummary
    steps: Mapping[str, StepRun]


class RunQuery(Struct, frozen=True):
    """Which runs to list, newest first. Times in epoch seconds; empty = no restriction.

    `run_id` matches a part of the id unless `exact`. `roots_only` leaves sub-DAG runs out.
    `tags`: all of them. `queue` restricts to that queue. `trigger` is the `trigger_type` of a run,
    `trigger_text` a part of the text (JSON) that is recorded of its trigger.
    """

    dag: str = ""
    run_id: str = ""
    exact: bool = False
    statuses: tuple[RunStatus, ...] = ()
    since: float | None = None
    until: float | None = None
    tags: tuple[str, ...] = ()
    root: RunRef | None = None
    roots_only: bool = True
    queue: str = ""
    trigger: str = ""
    trigger_text: str = ""
    limit: int = 100
    offset: int = 0


class QueueState(Struct, frozen=True):
    """How a queue stands: runs that wait and may be claimed, slots in use, the next such run, and
    runs that wait in the hands of an engine (`owned`)."""

    name: str
    waiting: int
    slots_used: int
    next: RunRef | None
    owned: int = 0


class Versioned(Struct, frozen=True):
    """A value of the key-value primitive; `version` starts at 1 and grows with every put."""

    value: Any
    version: int


class Damage(Struct, frozen=True):
    """Something stored that cannot be read any more: `what` in a sentence, `ref` = whose (None = no
    run's), `hint` = what to do about it, where it is more than the usual."""

    what: str
    ref: RunRef | None = None
    hint: str = ""


class StateStore(ABC):
    """Runs, their events and signals; leases; versioned key-value pairs.

    Chosen by the scheme of a URL in the settings. Every method may raise Unavailable. Once a
    writing method returns, a new process reads what was written.
    """

    scheme: ClassVar[str]

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    async def open(self) -> None:
        """Connect, creating or migrating what is stored. Raises Unavailable when the stored
        schema is newer than this code."""

    @abstractmethod
    async def close(self) -> None:
        """Flush and disconnect; a second call is a no-op."""

    @property
    def written_file(self) -> Path | None:
        """A file of this machine that every commit of whomever writes to, once the store is open: who
        waits for news watches it. None when there is none."""
        return None

    # -- runs -----------------------------------------------------------------------------------

    @abstractmethod
    async def create(self, change: Change, definition: Source) -> None:
        """Add a run with its first events, or raise AlreadyExists and change nothing.

        The definition is stored once however many runs share it, under `summary.definition`
        (see `definition_key`).
        """

    @abstractmethod
    async def commit(self, change: Change) -> None:
        """Write the change, all of it or nothing; but `holds_slot` stays as it is, see `hold_slot`.
        The signals it has `heard` are removed, and all of the run with its end.

        Raises Conflict when the stored fence is newer than `change.summary.fence` or the stored
        run is over and the change is not a retry (a RunReset or RunStarted event), NotFound when
        the run was deleted.
        """

    @abstractmethod
    async def load(self, ref: RunRef) -> StoredRun:
        """The run as last committed. Raises NotFound. A damaged record comes back with status
        NOT_STARTED and `summary.reason == "record_damaged"`, and what can still be read."""

    @abstractmethod
    async def find(self, query: RunQuery) -> list[RunSummary]:
        """The runs that match, newest (created) first. Damaged records are listed, see `load`."""

    async def dags(self) -> list[str]:
        """The names of the DAGs that have runs of their own (not only sub-DAG runs), sorted."""
        names: set[str] = set()
        offset = 0
        while page := await self.find(RunQuery(limit=1000, offset=offset)):
            names.update(one.ref.dag for one in page)
            offset += len(page)
        return sorted(names)

    @abstractmethod
    async def definition(self, key: str) -> Source:
        """The stored definition. Raises NotFound."""

    @abstractmethod
    async def events(self, ref: RunRef, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """(sequence number, event) of the run with numbers above `after`, in order."""

    @abstractmethod
    async def adopt(self, ref: RunRef, *, fence: int, engine: str, host: str) -> int:
        """Make `engine` the owner if the stored fence still is `fence`; return the new fence.

        Raises Conflict when somebody else was faster, NotFound when there is no such run.
        """

    @abstractmethod
    async def delete(self, refs: Sequence[RunRef]) -> int:
        """Remove runs with their steps, events, signals and sub-DAG runs; active ones stay.
        Returns how many root or named runs were removed."""

    # -- signals --------------------------------------------------------------------------------

    @abstractmethod
    async def leave_signal(self, ref: RunRef, signal: Signal) -> None:
        """Put a signal where the run's owner finds it; one for a run that is over is dropped. Raises
        NotFound."""

    @abstractmethod
    async def signals(self, refs: Sequence[RunRef]) -> dict[RunRef, list[Signal]]:
        """The waiting signals of these runs, in order left. They wait until a commit removes them: an
        owner that dies before it could record one must not have lost it."""

    # -- claims ---------------------------------------------------------------------------------

    @abstractmethod
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
        """Take up to `limit` queued runs (highest priority, then `queue_place` or age) for `engine`.

        A claimed run is RUNNING with a new fence and in nobody else's hands. "" = any queue. With
        `slots` no more are taken than leave at most so many of the queue's runs with a slot
        (RUNNING and `holds_slot`), counted in the same transaction. `ref` takes only that run; runs
        that have an engine while queued are taken by their `ref` only.

        What has begun goes first: with `slots`, one is left free for each run of the queue that
        wants its slot back (see `hold_slot`), and, unless `ref` is given, for each queued sub-DAG
        run whose parent is running.

        A run with a `home` takes a slot of that queue as well: with `slots` it is passed over while
        its `home_slots` are in use or wanted there.
        """

    @abstractmethod
    async def hold_slot(
        self, ref: RunRef, *, fence: int, held: bool = True, slots: int | None = None
    ) -> bool:
        """Give the slot of a running run back, or take it again; whether it holds one now.

        It is taken when fewer than `slots` (None = any number) are in use by runs of its queue, and
        fewer than its `home_slots` in its `home`, in the same transaction; else it is wanted, until it
        is taken, given back, or the run adopted.
        Raises Conflict when the stored fence is not `fence`, NotFound when there is no such run.
        """

    @abstractmethod
    async def queues(self) -> list[QueueState]:
        """Every queue in which runs wait or hold a slot, be it as their `home`, by name."""

    # -- leases ---------------------------------------------------------------------------------

    @abstractmethod
    async def acquire(self, key: str, owner: str, ttl: float) -> int | None:
        """Hold the lease `key` for `ttl` seconds; the fence number, which only ever grows, or
        None while another owner holds it. Acquiring one's own lease renews it, same fence."""

    @abstractmethod
    async def release(self, key: str, owner: str) -> None:
        """Give the lease back; a no-op when it is not held by `owner`."""

    # -- key-value ------------------------------------------------------------------------------

    @abstractmethod
    async def get(self, namespace: str, key: str) -> Versioned | None:
        """The value, or None when there is none or it has expired."""

    @abstractmethod
    async def put(
        self,
        namespace: str,
        key: str,
        value: Any,
        *,
        expected: int | None = None,
        ttl: float | None = None,
    ) -> int:
        """Store a JSON value, return its new version. `expected` = the version it must have now
        (0 = it must not exist), else Conflict."""

    @abstractmethod
    async def remove(self, namespace: str, key: str) -> bool:
        """Forget the pair; whether there was one."""

    @abstractmethod
    async def scan(self, namespace: str, prefix: str = "", limit: int = 1000) -> list[tuple[str, Versioned]]:
        """The pairs whose key starts with `prefix`, in key order."""

    # -- health ---------------------------------------------------------------------------------

    async def check(self) -> list[Damage]:
        """Look through all that is stored for what cannot be read any more; changes nothing and may
        take long. A store that cannot tell finds nothing."""
        return []


def definition_key(source: Source) -> str:
    """The content address of a definition: equal definitions share one stored row."""
    import hashlib

    parts = (source.text, source.path, str(source.document), source.base, *(["literal"] * source.literal))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
