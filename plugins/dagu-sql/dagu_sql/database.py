"""One connection to a database, whichever it is; what differs has a class of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_sql import faults
from dagu_sql.address import Address, missing
from dagu_sql.config import SqlConfig
from dagu_sql.faults import Fault, Refused
from dagu_sql.statements import Statement

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
        level = self.level if self.config.transaction else "AUTOCOMMIT"
        return {"isolation_level": level} if level else {}

    def _opened(self) -> None:
        """Set up the session."""


class Explicit(Database):
    """A database whose driver is left in autocommit while we say BEGIN and COMMIT ourselves."""

    def _connection_options(self) -> dict[str, Any]:
        return {"isolation_level": "AUTOCOMMIT"}

    def begin(self) -> None:
        self.run("BEGIN")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        with suppress(Exception):
            self.run("ROLLBACK")
