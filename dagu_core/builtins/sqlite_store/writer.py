"""Threads that own a connection: one that reads, one that groups writes into commits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NamedTuple, TypeVar, cast

from dagu_core.base.errors import DaguError, Invalid, Unavailable
from dagu_core.builtins.sqlite_store.reserve import release

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

MOST_IN_A_COMMIT = 500
SYNC_WITHIN = 0.1
_REQUEST_AT_FAULT = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG})
_LOST = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


class Request(NamedTuple):
    """One piece of work and the future its caller awaits."""

    work: Work
    future: asyncio.Future[Any]
    durable: bool


#: wakes the thread, nothing else
NUDGE = Request(lambda db: None, cast("asyncio.Future[Any]", None), durable=False)


class Answer(NamedTuple):
    """What a future is to end with: a value, or an error."""

    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class Reader:
    """Runs work on a connection of its own, in order; reads never wait for writes."""

    def __init__(self, path: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self.path = path
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Request | None] = SimpleQueue()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        #: held by whoever uses the connection
        self._turn = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._live, name=f"{type(self).__name__} {path}", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], durable: bool = False) -> asyncio.Future[T]:
        """Have `work` done; the future ends with its result, its DaguError, or Unavailable."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(Request(work, future, durable))
        return future

    async def stop(self) -> None:
        """Finish what was submitted, disconnect, and wait until the thread is gone."""
        self._queue.put(None)
        await self._gone
        self._thread.join()

    def _live(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                try:
                    with self._turn:
                        if self._db is None:
                            self._db = self._connect()
                        answers = self._serve_at_last(self._db, batch)
                except Exception as error:
                    answers = [Answer(request.future, error=self._explain(error)) for request in batch]
                if answers:
                    self._deliver(answers)
        finally:
            with self._turn:
                db, self._db = self._db, None
            if db is not None:
                self._disconnect(db)
            self._deliver([Answer(self._gone)])

    def _serve_at_last(self, db: sqlite3.Connection, batch: list[Request]) -> list[Answer]:
        """Serve; on a full disk give the reserve away and try once more."""
        try:
            return self._serve(db, batch)
        except sqlite3.Error as error:
            if not _is_full(error) or not release(self.path):
                raise
            return self._serve(db, batch)

    def _next_batch(self) -> list[Request] | None:
        request = self._queue.get()
        return None if request is None else [request]

    def _serve(self, db: sqlite3.Connection, batch: list[Request]) -> list[Answer]:
        (request,) = batch
        db.execute("BEGIN")
        try:
            return [Answer(request.future, request.work(db))]
        except (DaguError, ValueError, OverflowError) as error:
            return [Answer(request.future, error=_at_fault(error))]
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _disconnect(self, db: sqlite3.Connection) -> None:
        db.close()

    def _deliver(self, answers: list[Answer]) -> None:
        # A closed loop raises: then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, answers)

    def _explain(self, error: Exception) -> Exception:
        """The error as the contract wants it: Unavailable, with the path and the cause."""
        if not isinstance(error, (sqlite3.Error, OSError)):
            return error
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        cause, hint = str(error), ""
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            cause = "locked by another process"
        elif _is_full(error):
            cause, hint = "no space left", "Free some disk space; nothing was written."
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            hint = "Check that the file and its folder are readable and writable."
        return Unavailable(f"store {self.path}: {cause}", hint=hint, path=self.path, cause=str(error))


class Writer(Reader):
    """Groups whatever waits into one commit, and sees to it that commits reach the disk.

    A durable request is answered after the log was synced; the rest is synced within SYNC_WITHIN
    seconds. After a failed sync or an I/O error nothing is written any more: what the disk holds is
    then unknown, and trying again would only hide it.
    """

    def __init__(
        self,
        path: str,
        connect: Callable[[], sqlite3.Connection],
        *,
        always_durable: bool = False,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._always_durable = always_durable
        self._sync_file = sync
        self._log: int | None = None
        self._unsynced_since: float | None = None
        self._nudged = False
        self._stopping = False
        self.broken = ""
        super().__init__(path, connect)

    def at_once(self, work: Work) -> Answer | None:
        """Do a small write in the caller's thread, when nobody else is at it; None = submit it.

        Handing work to a thread and hearing of it takes longer than most writes. Never waits: not
        for the connection, not for another process, and not for the disk.
        """
        if self._always_durable or self.broken or not self._queue.empty():
            return None
        if not self._turn.acquire(blocking=False):
            return None
        try:
            if self._db is None:
                return None
            patience = self._db.execute("PRAGMA busy_timeout").fetchone()[0]
            self._db.execute("PRAGMA busy_timeout = 0")
            try:
                (answer,) = self._serve(self._db, [Request(work, self._gone, durable=False)])
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {patience}")
        except (sqlite3.Error, OSError):
            return None  # the thread has the patience for it, or the words
        finally:
            self._turn.release()
        if self._unsynced_since is not None and not self._nudged:
            # The thread sleeps without an alarm: it must see to the sync.
            self._nudged = True
            self._queue.put(NUDGE)
        return answer

    def _next_batch(self) -> list[Request] | None:
        if self._stopping:
            return None
        first: Request | None
        try:
            if self._unsynced_since is None:
                first = self._queue.get()
            else:
                left = self._unsynced_since + SYNC_WITHIN - monotonic()
                first = self._queue.get(timeout=max(0.0, left))
                if left <= 0:
                    self._sync_quietly()
        except Empty:
            self._sync_quietly()
            return []
        if first is None:
            return None
        if first is NUDGE:
            return []
        batch = [first]
        while len(batch) < MOST_IN_A_COMMIT:
            try:
                request = self._queue.get_nowait()
            except Empty:
                break
            if request is None:
                self._stopping = True
                break
            if request is not NUDGE:
                batch.append(request)
        return batch

    def _serve(self, db: sqlite3.Connection, batch: list[Request]) -> list[Answer]:
        if not batch:
            return []
        if self.broken:
            raise Unavailable(f"store {self.path}: closed for writing after: {self.broken}", path=self.path)
        changes = db.total_changes
        try:
            db.execute("BEGIN IMMEDIATE")
            answers = (
                [self._alone(db, batch[0])] if len(batch) == 1 else [_beside(db, each) for each in batch]
            )
            if db.in_transaction:
                db.execute("COMMIT")
            if db.total_changes > changes:
                if self._unsynced_since is None:
                    self._unsynced_since = monotonic()
                if self._always_durable or any(request.durable for request in batch):
                    self._sync()
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, OSError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOST:
                self.broken = str(error)
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return answers

    def _alone(self, db: sqlite3.Connection, request: Request) -> Answer:
        # Without neighbours the transaction itself does what a savepoint would.
        try:
            return Answer(request.future, request.work(db))
        except Exception as error:
            if _is_environment(error):
                raise
            db.execute("ROLLBACK")
            return Answer(request.future, error=_at_fault(error))

    def _sync(self) -> None:
        # A file that was removed can still be written to, but nobody will ever read it.
        os.stat(self.path)
        if self._log is None:
            self._log = os.open(f"{self.path}-wal", os.O_RDONLY)
        self._sync_file(self._log)
        self._unsynced_since, self._nudged = None, False

    def _sync_quietly(self) -> None:
        try:
            self._sync()
        except OSError as error:
            self.broken, self._unsynced_since = str(error), None

    def _disconnect(self, db: sqlite3.Connection) -> None:
        if self._unsynced_since is not None and not self.broken:
            self._sync_quietly()
        if self._log is not None:
            os.close(self._log)
        super()._disconnect(db)


def _beside(db: sqlite3.Connection, request: Request) -> Answer:
    db.execute("SAVEPOINT one")
    try:
        answer = Answer(request.future, request.work(db))
    except Exception as error:
        if _is_environment(error):
            raise
        db.execute("ROLLBACK TO one")
        answer = Answer(request.future, error=_at_fault(error))
    db.execute("RELEASE one")
    return answer


def _is_environment(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF not in _REQUEST_AT_FAULT


def _at_fault(error: Exception) -> Exception:
    """What the caller of a bad request gets: a value SQLite or JSON cannot hold is Invalid."""
    if isinstance(error, (ValueError, OverflowError, sqlite3.Error)):
        return Invalid(f"not a value for the store: {error}")
    return error


def _resolve(answers: list[Answer]) -> None:
    for future, value, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
