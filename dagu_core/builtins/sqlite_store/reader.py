"""A thread that owns a connection and does what it is given, in order."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar, cast

from dagu_core.base.errors import Busy, DaguError, Invalid, Unavailable
from dagu_core.base.reserve import release

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]


def is_full(error: Exception) -> bool:
    """Whether the disk is full."""
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
            if not is_full(error) or not release(self.path):
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
            return [Answer(request.future, error=at_fault(error))]
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
            told = f"store {self.path}: locked by another process"
            return Busy(told, path=self.path, cause=str(error))
        if is_full(error):
            cause, hint = "no space left", "Free some disk space; nothing was written."
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            hint = "Check that the file and its folder are readable and writable."
        elif code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            hint = "`dagu doctor` looks through the store and says what to do."
        return Unavailable(f"store {self.path}: {cause}", hint=hint, path=self.path, cause=str(error))


def at_fault(error: Exception) -> Exception:
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
