"""The thread that groups writes into commits, and sees to it that they reach the disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from queue import Empty
from time import monotonic

from dagu_core.base.errors import Unavailable
from dagu_core.builtins.sqlite_store.reader import NUDGE, Answer, Reader, Request, Work, at_fault

MOST_IN_A_COMMIT = 500
SYNC_WITHIN = 0.1
_REQUEST_AT_FAULT = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG})
_LOST = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


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
            return Answer(request.future, error=at_fault(error))

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
        answer = Answer(request.future, error=at_fault(error))
    db.execute("RELEASE one")
    return answer


def _is_environment(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF not in _REQUEST_AT_FAULT
