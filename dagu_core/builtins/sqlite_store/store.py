"""`SqliteStore`: the contract, handed to a thread that writes and one that reads."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from dagu_core.base.clock import Clock, SystemClock, steady
from dagu_core.base.errors import Invalid, Unavailable
from dagu_core.builtins.sqlite_store import pairs, runs
from dagu_core.builtins.sqlite_store import queue as queue_work
from dagu_core.builtins.sqlite_store.check import check, names_of_dags
from dagu_core.builtins.sqlite_store.connect import connect
from dagu_core.builtins.sqlite_store.reader import Reader
from dagu_core.builtins.sqlite_store.writer import Writer
from dagu_core.contracts.store import Change, Damage, QueueState, RunQuery, StateStore, StoredRun, Versioned
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.codec import dump_json
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.run.signals import Signal

T = TypeVar("T")


class SqliteStore(StateStore):
    """Runs in one SQLite file; several processes may use it at once.

    `sqlite:///ABSOLUTE/PATH`, with the options `?durability=full` (every commit reaches the disk
    before it is acknowledged) and `&busy_timeout=SECONDS` (how long to wait for another process, 10).
    A file that cannot be written is opened for reading, and writes raise Unavailable. One object
    belongs to one event loop.
    """

    scheme: ClassVar[str] = "sqlite"

    def __init__(
        self, url: str, *, clock: Clock | None = None, sync: Callable[[int], None] = os.fsync
    ) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        self.path = unquote(parts.path)
        if parts.scheme != self.scheme or parts.netloc or not self.path.startswith("/"):
            raise Invalid(f"invalid store {url!r}", hint=f"Write it as {self.scheme}:///absolute/path.db.")
        # Four slashes are a common spelling of an absolute path.
        self.path = "/" + self.path.lstrip("/")
        self._durable = options.get("durability", [""])[-1] == "full"
        try:
            self._patience = float(options.get("busy_timeout", ["10"])[-1])
        except ValueError:
            raise Invalid(f"invalid store {url!r}: busy_timeout must be a number of seconds") from None
        self._clock = clock or SystemClock()
        self._steady = steady if clock is None else lambda: ("", clock.now())
        self._sync = sync
        self._read_only = False
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    async def open(self) -> None:
        writer = Writer(self.path, self._connect, always_durable=self._durable, sync=self._sync)
        try:
            await writer.submit(lambda db: None)
        except BaseException:
            await writer.stop()
            raise
        self._writer = writer

    @property
    def written_file(self) -> Path | None:
        return Path(f"{self.path}-wal")

    async def close(self) -> None:
        threads = (self._reader, self._writer)
        self._reader = self._writer = None
        for thread in threads:
            if thread is not None:
                await thread.stop()

    async def create(self, change: Change, definition: Source) -> None:
        await self._write_soon(lambda db: runs.create(db, change, definition), change.durable)

    async def commit(self, change: Change) -> None:
        await self._write_soon(lambda db: runs.commit(db, change), change.durable)

    async def load(self, ref: RunRef) -> StoredRun:
        return await self._read(lambda db: runs.load(db, ref))

    async def find(self, query: RunQuery) -> list[RunSummary]:
        return await self._read(lambda db: runs.find(db, query))

    async def dags(self) -> list[str]:
        return await self._read(names_of_dags)

    async def definition(self, key: str) -> Source:
        return await self._read(lambda db: runs.definition(db, key))

    async def events(self, ref: RunRef, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        return await self._read(lambda db: runs.events(db, ref, after, limit))

    async def adopt(self, ref: RunRef, *, fence: int, engine: str, host: str) -> int:
        return await self._write(lambda db: runs.adopt(db, ref, fence, engine, host))

    async def delete(self, refs: Sequence[RunRef]) -> int:
        return await self._write(lambda db: runs.delete(db, refs))

    async def leave_signal(self, ref: RunRef, signal: Signal) -> None:
        await self._write(lambda db: pairs.leave_signal(db, ref, signal))

    async def signals(self, refs: Sequence[RunRef]) -> dict[RunRef, list[Signal]]:
        # Owners ask often and hardly ever find one.
        if not refs or not await self._read(pairs.any_signal):
            return {}
        return await self._read(lambda db: pairs.signals(db, refs))

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
        return await self._write(lambda db: queue_work.claim(db, queue, engine, host, limit, slots, ref))

    async def hold_slot(
        self, ref: RunRef, *, fence: int, held: bool = True, slots: int | None = None
    ) -> bool:
        return await self._write(lambda db: queue_work.hold_slot(db, ref, fence, held, slots))

    async def queues(self) -> list[QueueState]:
        return await self._read(queue_work.queues)

    async def acquire(self, key: str, owner: str, ttl: float) -> int | None:
        if not owner or ttl <= 0:
            raise Invalid("a lease needs an owner and a positive time")
        return await self._write(lambda db: pairs.acquire(db, key, owner, ttl, self._steady()))

    async def release(self, key: str, owner: str) -> None:
        await self._write(lambda db: pairs.release(db, key, owner))

    async def get(self, namespace: str, key: str) -> Versioned | None:
        return await self._read(lambda db: pairs.get(db, namespace, key, self._clock.now()))

    async def put(
        self,
        namespace: str,
        key: str,
        value: Any,
        *,
        expected: int | None = None,
        ttl: float | None = None,
    ) -> int:
        try:
            text = dump_json(value)
        except ValueError as error:
            raise Invalid(f"{namespace}/{key}: {error}") from None

        def work(db: sqlite3.Connection) -> int:
            now = self._clock.now()
            return pairs.put(db, namespace, key, text, expected, None if ttl is None else now + ttl, now)

        return await self._write(work)

    async def remove(self, namespace: str, key: str) -> bool:
        return await self._write(lambda db: pairs.remove(db, namespace, key, self._clock.now()))

    async def scan(self, namespace: str, prefix: str = "", limit: int = 1000) -> list[tuple[str, Versioned]]:
        return await self._read(lambda db: pairs.scan(db, namespace, prefix, limit, self._clock.now()))

    async def check(self) -> list[Damage]:
        return await self._read(check)

    # -- threads and connections ----------------------------------------------------------------

    async def _write_soon(self, work: Callable[[sqlite3.Connection], None], durable: bool) -> None:
        """Write without the detour over the thread, if that is possible without waiting."""
        if not (durable or self._writer is None or self._read_only):
            answer = self._writer.at_once(work)
            if answer is not None:
                if answer.error is not None:
                    raise answer.error
                return
        await self._write(work, durable)

    async def _write(self, work: Callable[[sqlite3.Connection], T], durable: bool = False) -> T:
        if self._writer is None:
            raise Unavailable(f"store {self.path} is not open", path=self.path)
        if self._read_only:
            raise Unavailable(f"store {self.path} is read-only", path=self.path)
        return await self._writer.submit(work, durable)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise Unavailable(f"store {self.path} is not open", path=self.path)
        if self._reader is None:
            self._reader = Reader(self.path, self._connect)
        return await self._reader.submit(work)

    def _connect(self) -> sqlite3.Connection:
        db, self._read_only = connect(self.path, self._patience)
        return db
