"""The step types: one for any database, and one for each that has a name of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from dagu_core import Attempt, Invalid, WorkerExecutor
from dagu_sql.config import SqlConfig

#: what the exit codes of the work mean
MEANINGS = {
    10: "the database could not be reached",
    11: "the database refused a statement",
    12: "a constraint was violated",
    13: "a lock could not be had, or the transaction lost against another",
    124: "a statement took too long",
}


class SqlExecutor(WorkerExecutor[SqlConfig]):
    """Runs SQL statements against any database SQLAlchemy has a dialect for."""

    name = "sql"
    aliases: ClassVar[tuple[str, ...]] = ("database",)
    Config = SqlConfig
    capabilities = frozenset({"command", "commands", "script"})
    # Backticks, $1 and $$ belong to SQL: the work looks for ${NAME} itself, and knows quotes.
    expansion = "none"
    work = "dagu_sql.work:run"
    icon = "database"

    async def request(self, attempt: Attempt[SqlConfig]) -> Any:
        config = attempt.config
        texts = [*attempt.commands, *([attempt.script] if attempt.script else [])]
        if not texts and not config.file and config.import_ is None:
            raise Invalid("there is no statement to run", hint="give a command, a script, file or import")
        return {
            "kind": self.name,
            "texts": texts,
            "config": config.model_dump(mode="json", by_alias=True),
            "signal": attempt.stop_signal,
            "grace": attempt.grace,
        }

    def explain(self, attempt: Attempt[SqlConfig], code: int) -> str:
        said = super().explain(attempt, code)
        return f"{said} ({MEANINGS[code]})" if code in MEANINGS else said


class PostgresExecutor(SqlExecutor):
    """Runs SQL statements against PostgreSQL."""

    name = "postgres"
    aliases = ("postgresql",)


class MysqlExecutor(SqlExecutor):
    """Runs SQL statements against MySQL or MariaDB."""

    name = "mysql"
    aliases = ("mariadb",)


class SqliteExecutor(SqlExecutor):
    """Runs SQL statements against a SQLite file."""

    name = "sqlite"
    aliases = ("sqlite3",)
