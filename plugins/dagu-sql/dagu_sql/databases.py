"""What differs between databases: transactions, locks, and how a running statement is cancelled."""

from __future__ import annotations

import fcntl
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from dagu_core.contracts.work import Failed
from dagu_sql import faults
from dagu_sql.address import Address, missing
from dagu_sql.config import SqlConfig
from dagu_sql.faults import Fault, Refused
from dagu_sql.statements import Statement

T = TypeVar("T")
_READERS = frozenset({"SELECT", "VALUES", "TABLE", "WITH"})
_WRITERS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"})
_LEVELS = {
    "readuncommitted": "READ UNCOMMITTED",
    "readcommitted": "READ COMMITTED",
    "repeatableread": "REPEATABLE READ",
    "serializable": "SERIALIZABLE",
}


class Database:
    """One connection to any database SQLAlchemy knows. Every statement commits by itself unless
    `begin` was called. Only `cancel` may be called from another thread."""

    def __init__(self, address: Address, config: SqlConfig) -> None:
        self.address, self.config = address, config
        self.engine: Any = None
        self.connection: Any = None
        self.raw: Any = None
        self.is_stopping: Callable[[], bool] = lambda: False

    @property
    def family(self) -> str:
        return self.address.family

    @property
    def style(self) -> str:
        """How the driver writes parameters."""
        return str(self.engine.dialect.paramstyle)

    @property
    def level(self) -> str:
        return _LEVELS.get(self.config.isolation_level, "")

    def prepare(self) -> None:
        """Find the driver. Nothing is connected."""
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        try:
            self.engine = create_engine(self.address.url, poolclass=NullPool, **self._engine_options())
        except (ModuleNotFoundError, NoSuchModuleError):
            raise missing(self.address.url.drivername if self.family == "sql" else self.family) from None

    def open(self) -> None:
        """Connect. Raises Failed when that is impossible."""
        from sqlalchemy.exc import DBAPIError

        try:
            self.connection = self.engine.connect().execution_options(**self._connection_options())
            self.raw = self.connection.connection.dbapi_connection
            self._opened()
        except DBAPIError as error:
            fault = faults.of(error)
            hint = "; see `tls`" if "ssl" in fault.message.lower() or "certificate" in fault.message else ""
            message = self.address.hide(fault.message)
            raise Failed(f"cannot connect: {message}{hint}", faults.UNREACHABLE) from None

    def close(self) -> None:
        """Let go of the connection; what was not committed is rolled back."""
        with suppress(Exception):
            self.connection.close()

    def run(self, sql: str, values: Any = None, **options: Any) -> Any:
        """Execute one statement; SQLAlchemy's result. Raises Refused."""
        from sqlalchemy.exc import DBAPIError

        options["no_parameters"] = values is None
        try:
            return self.connection.exec_driver_sql(sql, values, execution_options=options)
        except DBAPIError as error:
            raise Refused(self.fault(error)) from None

    def fault(self, error: Any) -> Fault:
        """What an error of the driver means here."""
        return faults.of(error)

    def streams(self, statement: Statement) -> bool:
        """Whether the server should keep the result and hand it over in parts."""
        words = statement.words
        return bool(words) and words[0] in _READERS and not _WRITERS & set(words)

    def begin(self) -> None:
        self.connection.begin()

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        """Undo the transaction; a connection that is gone has done so itself."""
        with suppress(Exception):
            self.connection.rollback()

    def is_in_transaction(self) -> bool:
        return bool(self.connection.in_transaction())

    def lock(self, name: str | int) -> None:
        """Wait for the lock `name` and hold it as long as the connection lives."""
        raise Failed(f"{self.engine.dialect.name} has no advisory locks")

    def cancel(self) -> None:
        """Make the running statement fail. May be called again until it has."""

    def _engine_options(self) -> dict[str, Any]:
        return {"connect_args": self.address.arguments}

    def _connection_options(self) -> dict[str, Any]:
        return {"isolation_level": self.level or ("AUTOCOMMIT" if not self.config.transaction else None)}

    def _opened(self) -> None:
        """Set up the session."""


class _Explicit(Database):
    """A database whose driver is left in autocommit while we say BEGIN and COMMIT ourselves."""

    def _connection_options(self) -> dict[str, Any]:
        return {"isolation_level": "AUTOCOMMIT"}

    def begin(self) -> None:
        self.run("BEGIN")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        with suppress(Refused, OSError):
            self.run("ROLLBACK")


class Postgres(_Explicit):
    """PostgreSQL and what speaks its language."""

    def _engine_options(self) -> dict[str, Any]:
        return {**super()._engine_options(), "use_native_hstore": False}

    def _opened(self) -> None:
        if hasattr(self.raw, "add_notice_handler"):
            self.raw.add_notice_handler(_tell_notice)
        settings = {}
        if self.config.lock_timeout is not None:
            settings["lock_timeout"] = f"{max(1, round(self.config.lock_timeout * 1000))}ms"
        if self.engine.dialect.server_version_info >= (14,):
            # Should we be killed outright, the server notices within a second.
            settings["client_connection_check_interval"] = "1s"
        for name, value in settings.items():
            with suppress(Refused):
                self.run(f"SET {name} = '{value}'")

    def begin(self) -> None:
        self.run(f"BEGIN ISOLATION LEVEL {self.level}" if self.level else "BEGIN")

    def is_in_transaction(self) -> bool:
        return bool(self.raw.info.transaction_status)

    def lock(self, name: str | int) -> None:
        number = "%s::bigint" if isinstance(name, int) else "hashtextextended(%s, 0)"
        self.run(f"SELECT pg_advisory_lock({number})", (name,))

    def cancel(self) -> None:
        with suppress(Exception):
            if hasattr(self.raw, "cancel_safe"):
                self.raw.cancel_safe(timeout=5)
            else:
                self.raw.cancel()


class Mysql(_Explicit):
    """MySQL and MariaDB."""

    _id = 0

    def _opened(self) -> None:
        self._id = int(self.run("SELECT CONNECTION_ID()").scalar())
        if self.config.lock_timeout is not None:
            limit = max(1, round(self.config.lock_timeout))
            self.run(f"SET innodb_lock_wait_timeout = {limit}, lock_wait_timeout = {limit}")

    def begin(self) -> None:
        if self.level:
            self.run(f"SET TRANSACTION ISOLATION LEVEL {self.level}")
        self.run("START TRANSACTION")

    def is_in_transaction(self) -> bool:
        # The server keeps a stream open without a transaction: nobody needs to know.
        return True

    def fault(self, error: Any) -> Fault:
        fault = faults.of(error)
        with suppress(Exception):
            self.connection.exec_driver_sql("GET DIAGNOSTICS CONDITION 1 @dagu_state = RETURNED_SQLSTATE")
            state = self.connection.exec_driver_sql("SELECT @dagu_state").scalar()
            if state and "(" not in fault.message.partition(":")[0]:
                number, _, text = fault.message.partition(":")
                return Fault(fault.code, f"{number} ({state}):{text}", fault.passes)
        return fault

    def lock(self, name: str | int) -> None:
        seconds = 1e9 if self.config.lock_timeout is None else self.config.lock_timeout
        if self.run("SELECT GET_LOCK(%s, %s)", (str(name), seconds)).scalar() != 1:
            raise Refused(Fault(faults.LOCKED, f"somebody else held it for {seconds:g} s", True))

    def cancel(self) -> None:
        if self._id:
            with suppress(Exception), self.engine.connect() as other:
                other.exec_driver_sql(f"KILL QUERY {self._id}")


class Sqlite(_Explicit):
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


def database(address: Address, config: SqlConfig) -> Database:
    """The database at an address, not yet connected."""
    kinds: dict[str, type[Database]] = {"postgresql": Postgres, "mysql": Mysql, "sqlite": Sqlite}
    return kinds.get(address.family, Database)(address, config)


def _tell_notice(notice: Any) -> None:
    sys.stderr.write(f"{notice.severity}: {notice.message_primary}\n")
    sys.stderr.flush()
