"""SQLite."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from dagu_sql import faults
from dagu_sql.database import Explicit
from dagu_sql.faults import Fault, Refused
from dagu_sql.statements import Statement

T = TypeVar("T")


class Sqlite(Explicit):
    """SQLite. Waiting for a lock is done here: the library's own wait cannot be interrupted."""

    _held: Any = None

    def _engine_options(self) -> dict[str, Any]:
        return {"creator": self._connect}

    def _connect(self) -> sqlite3.Connection:
        database = self.address.arguments["database"]
        return sqlite3.connect(
            database, timeout=0.05, isolation_level=None, check_same_thread=False,
            uri=database.startswith("file:"),
        )  # fmt: skip

    def run(self, sql: str, values: Any = None, **options: Any) -> Any:
        return self._patiently(lambda: super(Sqlite, self).run(sql, values, **options))

    def begin(self) -> None:
        self.run("BEGIN IMMEDIATE")

    def streams(self, statement: Statement) -> bool:
        return False  # its cursors never hold more than a row

    def is_in_transaction(self) -> bool:
        return bool(self.raw.in_transaction)

    def lock(self, name: str | int) -> None:
        file = str(self.run("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar() or "")
        if not file:
            return  # a database in memory is nobody else's
        suffix = "".join(each if each.isalnum() else "_" for each in str(name))
        self._held = Path(f"{file}.{suffix}.lock").open("a")  # noqa: SIM115 - held until the end

        def take() -> None:
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(Fault(faults.LOCKED, "somebody else held it", True)) from None

        self._patiently(take)

    def close(self) -> None:
        super().close()
        if self._held is not None:
            self._held.close()

    def cancel(self) -> None:
        with suppress(Exception):
            self.raw.interrupt()

    def _patiently(self, work: Callable[[], T]) -> T:
        limit = self.config.lock_timeout
        end = None if limit is None else monotonic() + limit
        while True:
            try:
                return work()
            except Refused as refused:
                # What another wrote since our transaction began makes waiting vain.
                passes = refused.fault.passes and "SNAPSHOT" not in refused.fault.message
                if not passes or self.is_stopping() or (end is not None and monotonic() >= end):
                    raise
                sleep(0.02)
