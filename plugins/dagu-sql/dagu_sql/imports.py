"""Loads a file into a table: all of it or nothing, and a bad row is named."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from time import monotonic
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_sql.binding import mark, packed
from dagu_sql.config import ImportConfig, SqlConfig
from dagu_sql.database import Database
from dagu_sql.faults import Refused
from dagu_sql.rows import Row, Source
from dagu_sql.watch import Watch

_COLUMN = re.compile(r"column ['\"`]?(?:`?\w+`?\.)*`?(\w+)", re.IGNORECASE)
_POINT = "dagu_batch"
_TRUE, _FALSE = frozenset({"true", "t", "yes"}), frozenset({"false", "f", "no"})


class Importer:
    """Puts the rows of one file into one table."""

    def __init__(
        self, database: Database, config: SqlConfig, watch: Watch, tell: Callable[[str], None]
    ) -> None:
        assert config.import_ is not None
        self.config: ImportConfig = config.import_
        self.database, self.watch, self.tell = database, watch, tell
        self.limit, self.is_inside = config.statement_limit, config.transaction
        self.columns: list[str] = []
        self.types: dict[str, Any] = {}
        self.sql = ""
        self.read = self.affected = 0
        self.is_partly_there = False

    def run(self) -> int:
        """Rows affected. Raises Failed that names file, line and column of a bad row, or Refused."""
        began, file = monotonic(), self.config.input_file
        self.watch.limit(self.limit, f"looking at the table {self.config.table}")
        table = self._look()
        with Source(self.config) as source:
            rows = source.rows()
            self.columns = self._known(source.columns)
            self.sql = self._insert(table)
            self._begin()
            try:
                size = self.config.batch_size
                if every := self.config.commit_every:
                    size = min(size, every)
                since = 0
                while batch := list(islice(rows, size)):
                    self.watch.limit(self.limit, f"the import of {file}, line {batch[0].line}")
                    self._load(batch)
                    self.watch.check()
                    since += len(batch)
                    if every and since >= every:
                        self._commit()
                        self.is_partly_there = True
                        self._begin()
                        since = 0
                self._commit()
            except BaseException as error:
                if not self.is_inside:
                    self.database.rollback()
                if isinstance(error, Refused) and self.is_partly_there:
                    error.is_final = True
                raise
        self.tell(
            f"import of {file} into {self.config.table}: {self.read} rows read, "
            f"{self.affected} rows affected, {monotonic() - began:.3f} s"
        )
        return self.affected

    def _begin(self) -> None:
        if not self.is_inside:
            self.database.begin()

    def _commit(self) -> None:
        if not self.is_inside:
            self.database.commit()

    def _look(self) -> str:
        """The quoted name of the table; learns the types of its columns."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import NoSuchTableError

        schema, _, name = self.config.table.rpartition(".")
        looking = inspect(self.database.connection)
        try:
            found = looking.get_columns(name, schema or None)
        except NoSuchTableError:
            found = []
        if not found:
            names = [*looking.get_table_names(schema or None), *looking.get_view_names(schema or None)]
            raise Failed(f"there is no table {self.config.table}{_meant(name, names)}")
        self.types = {each["name"]: each["type"] for each in found}
        quoted = self._quoted(name)
        return f"{self._quoted(schema)}.{quoted}" if schema else quoted

    def _known(self, columns: list[str]) -> list[str]:
        for name in [*columns, *self.config.conflict_target]:
            if name not in self.types:
                raise Failed(f"{self.config.table} has no column {name}{_meant(name, [*self.types])}")
        return columns

    def _insert(self, table: str) -> str:
        names = [self._quoted(each) for each in self.columns]
        marks = ", ".join([mark(self.database.style, index) for index in range(1, len(names) + 1)])
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        if self.config.on_conflict == "error":
            return sql
        is_update = self.config.on_conflict == "replace"
        changed = [
            self._quoted(each)
            for each in self.columns
            if is_update and each not in self.config.conflict_target
        ]
        if self.database.family == "mysql":
            # INSERT IGNORE would let bad values through, too.
            pairs = [f"{each} = VALUES({each})" for each in changed] or [f"{names[0]} = {names[0]}"]
            return f"{sql} ON DUPLICATE KEY UPDATE {', '.join(pairs)}"
        target = ", ".join([self._quoted(each) for each in self.config.conflict_target])
        head = f"{sql} ON CONFLICT ({target})" if target else f"{sql} ON CONFLICT"
        if not changed:
            return f"{head} DO NOTHING"
        return f"{head} DO UPDATE SET {', '.join([f'{each} = excluded.{each}' for each in changed])}"

    def _load(self, batch: list[Row]) -> None:
        """Insert a batch; if that fails, find out which row it was."""
        values = [self._values(row) for row in batch]
        self.database.run(f"SAVEPOINT {_POINT}")
        try:
            told = self.database.run(self.sql, values).rowcount
        except Refused as refused:
            if refused.fault.passes or self.watch.reason:
                refused.where = f"import of {self.config.input_file}"
                raise
            raise self._blame(batch, values, refused) from None
        self.database.run(f"RELEASE SAVEPOINT {_POINT}")
        self.read += len(batch)
        self.affected += told if told >= 0 else len(batch)

    def _values(self, row: Row) -> Any:
        values = row.values
        if self.database.family in ("mysql", "sqlite"):
            values = [self._truth(name, value) for name, value in zip(self.columns, values, strict=True)]
        return packed(self.database.style, values)

    def _truth(self, name: str, value: Any) -> Any:
        """Booleans that are small numbers in truth know no words."""
        if isinstance(value, str) and type(self.types[name]).__name__ in ("TINYINT", "BOOLEAN", "BIT"):
            word = value.lower()
            return 1 if word in _TRUE else 0 if word in _FALSE else value
        return value

    def _blame(self, batch: list[Row], values: list[Any], refused: Refused) -> Refused:
        """The same error, with the line and the column that caused it."""
        place, fault = f"{self.config.input_file}:{batch[0].line}", refused.fault
        with suppress(Refused):
            self.database.run(f"ROLLBACK TO SAVEPOINT {_POINT}")
            for row, each in zip(batch, values, strict=True):
                place = f"{self.config.input_file}:{row.line}"
                try:
                    self.database.run(self.sql, each)
                except Refused as found:
                    fault = found.fault
                    column = fault.column or self._column(fault.message, row)
                    place += f": column {column}" if column else ""
                    break
        return Refused(fault, place, is_final=True)

    def _column(self, message: str, row: Row) -> str:
        """The column an error is about: named by it, or found by trying each value."""
        if (found := _COLUMN.search(message)) and found[1] in self.types:
            return found[1]
        if self.database.family != "postgresql":
            return ""
        dialect = self.database.engine.dialect
        self.database.run(f"ROLLBACK TO SAVEPOINT {_POINT}")
        for name, value in zip(self.columns, row.values, strict=True):
            try:
                self.database.run(f"SELECT CAST(%s AS {self.types[name].compile(dialect)})", (value,))
            except Refused:
                return name
        return ""

    def _quoted(self, name: str) -> str:
        return str(self.database.engine.dialect.identifier_preparer.quote_identifier(name))


def _meant(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""
