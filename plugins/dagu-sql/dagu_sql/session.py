"""One step from its first to its last statement, on one connection."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

from dagu_core.contracts.work import Failed
from dagu_sql import address, faults
from dagu_sql.binding import Bound, bind, fill_in
from dagu_sql.config import SqlConfig
from dagu_sql.database import Database
from dagu_sql.databases import database
from dagu_sql.expect import check
from dagu_sql.faults import Refused
from dagu_sql.imports import Importer
from dagu_sql.output import Output, Result
from dagu_sql.statements import split
from dagu_sql.watch import Interrupted, Watch

#: rows fetched at once: few at first, more while they are small
_FEW, _MANY = 16, 1024
#: bytes of output that rows fetched at once may come to
_ENOUGH = 1 << 20
#: seconds before a transaction is tried again; doubled each time
_PAUSE = 0.1


class Session:
    """What a step does with its database."""

    def __init__(self, request: dict[str, Any], watch: Watch) -> None:
        self.config = SqlConfig.model_validate(request["config"])
        self.texts: list[str] = request["texts"]
        self.watch = watch
        self.address = address.read(request["kind"], self.config)
        self.database: Database = database(self.address, self.config)
        self.last: Result | None = None
        self.affected = self.returned = self.retries = 0

    def run(self) -> int:
        """Everything; 0. Raises Failed, or Interrupted when the watch says so."""
        began = monotonic()
        db = self.database
        db.prepare()
        work = self._read()
        db.is_stopping = lambda: bool(self.watch.reason)
        output = Output(self.config)
        try:
            self.watch.limit(None, "the connection")
            db.open()
            self.watch.cancel = db.cancel
            self._lock()
            self._all_or_each(work, output)
            self.watch.limit(None, "the output")
            output.finish()
        finally:
            output.abandon()
            db.close()
        facts = {
            "statements": len(work),
            "rowsAffected": self.affected,
            "rowsReturned": self.returned,
            "retries": self.retries,
            "durationMs": round((monotonic() - began) * 1000),
        }
        self._tell(json.dumps(facts))
        return 0

    def _read(self) -> list[Bound]:
        """All statements, ready for the driver. Nothing has been connected yet."""
        family, config = self.database.family, self.config
        found = [each for text in self.texts for each in split(text, family)]
        if config.file:
            try:
                text = Path(config.file).read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise Failed(
                    f"cannot read {config.file}: {getattr(error, 'strerror', '') or error}"
                ) from None
            found += split(text, family, config.file)
        if not found and config.import_ is None:
            raise Failed("there is no statement to run")
        found = fill_in(found, os.environ, config.params)
        return bind(found, config.params, self.database.style, family)

    def _lock(self) -> None:
        name = self.config.advisory_lock
        if name == "" and self.config.file_lock:
            name = "dagu"
        if name == "":
            return
        own_limit = self.config.lock_timeout is not None
        self.watch.limit(None if own_limit else self.config.statement_limit, f"waiting for the lock {name}")
        try:
            self.database.lock(name)
        except Refused as refused:
            self._fail(refused, f"lock {name}")

    def _all_or_each(self, work: list[Bound], output: Output) -> None:
        if self.config.transaction:
            self._again(partial(self._transaction, work, output), "transaction", output.restart)
        else:
            self._statements(work, output)

    def _transaction(self, work: list[Bound], output: Output) -> None:
        self.affected = self.returned = 0
        self.last = None
        self.watch.limit(self.config.statement_limit, "the begin of the transaction")
        self.database.begin()
        try:
            self._statements(work, output)
            self.watch.limit(self.config.statement_limit, "the commit")
            self.database.commit()
        except BaseException:
            self.database.rollback()
            raise

    def _statements(self, work: list[Bound], output: Output) -> None:
        for number, each in enumerate(work, 1):
            title = f"statement {number} of {len(work)} ({each.statement})"
            self._each(partial(self._statement, each, title, output, number == len(work)), title)
        if self.config.import_ is not None:
            self._each(self._import, f"import of {self.config.import_.input_file}")
        if self.config.expect is not None:
            check(self.config.expect, self.last)

    def _each(self, work: Callable[[], None], title: str) -> None:
        """A part of the work; in a transaction only the whole can be tried again."""
        if self.config.transaction:
            work()
        else:
            self._again(work, title)

    def _import(self) -> None:
        self.affected += Importer(self.database, self.config, self.watch, self._tell).run()

    def _statement(self, bound: Bound, title: str, output: Output, is_last: bool) -> None:
        began, db = monotonic(), self.database
        self.watch.limit(self.config.statement_limit, title)
        streams = db.streams(bound.statement)
        # The server keeps a result it hands over in parts only inside a transaction.
        wraps = streams and not db.is_in_transaction()
        result: Any = None
        try:
            if wraps:
                db.begin()
            result = db.run(bound.sql, bound.values, stream_results=streams)
            said = self._taken(result, output, is_last)
            if wraps:
                db.commit()
            self.watch.check()
        except BaseException as error:
            if result is not None:
                with suppress(Exception):
                    result.close()
            if wraps:
                db.rollback()
            if isinstance(error, Refused):
                error.where = title
                error.is_final = result is not None and not self.config.transaction
            raise
        self._tell(f"{title}: {said}, {monotonic() - began:.3f} s")

    def _taken(self, result: Any, output: Output, is_last: bool) -> str:
        """Take everything out of a result; what to say about it."""
        if result.returns_rows:
            said = f"{self._rows(result, output, is_last).rows} rows"
        else:
            self.affected += max(0, result.rowcount)
            said = f"{result.rowcount} rows affected" if result.rowcount >= 0 else "done"
        result.close()
        return said

    def _rows(self, result: Any, output: Output, is_last: bool) -> Result:
        from sqlalchemy.exc import DBAPIError

        written = output.begin(list(result.keys()), is_last)
        limit = self.config.max_rows
        size = _FEW
        try:
            while part := result.fetchmany(size):
                self.watch.check()
                before = written.bytes
                if limit and written.rows + len(part) > limit:
                    written.write(part[: limit - written.rows])
                    self._tell(f"only the first {limit} rows were written (maxRows); there are more")
                    break
                written.write(part)
                is_much = written.bytes - before > _ENOUGH
                size = max(1, size // 2) if is_much else min(size * 2, _MANY)
        except DBAPIError as error:
            raise Refused(self.database.fault(error)) from None
        written.end()
        self.last = written
        self.returned += written.rows
        return written

    def _again(self, work: Callable[[], None], what: str, undo: Callable[[], None] = lambda: None) -> None:
        """Do `work`, and again after what passes: a deadlock, a lock, a lost race."""
        for attempt in range(self.config.retries + 1):
            try:
                return work()
            except Refused as refused:
                if not refused.fault.passes or refused.is_final or attempt == self.config.retries:
                    self._fail(refused, what)
                self.watch.check()
                undo()
                self.retries += 1
                self._tell(f"{refused.where or what}: {refused.fault.message}; trying again")
                sleep(min(_PAUSE * 2**attempt, 5.0))

    def _fail(self, refused: Refused, what: str) -> NoReturn:
        if self.watch.reason:
            raise Interrupted from None
        fault = refused.fault
        lost = " (the connection is lost)" if fault.code == faults.UNREACHABLE else ""
        where = refused.where or what
        raise Failed(f"{where}: {self.address.hide(fault.message)}{lost}", fault.code) from None

    def _tell(self, line: str) -> None:
        sys.stderr.write(f"{self.address.hide(line)}\n")
        sys.stderr.flush()
