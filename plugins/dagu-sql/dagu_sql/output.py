"""Where rows go: to stdout or a file, in the format asked for, never more than a few in memory."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from dagu_sql.config import SqlConfig
from dagu_sql.values import distinct, row_writer, to_text

#: bytes of a result that wait in memory before they wait on disk
_IN_MEMORY = 1 << 20


class Output:
    """The results of a step.

    A result that may not be the one wanted waits in a temporary file: with `results: last` each one
    that is not of the last statement, with `retries` all of a transaction until it is committed.
    """

    def __init__(self, config: SqlConfig) -> None:
        self.config = config
        self.sets = 0
        self._holds_back = config.transaction and config.retries > 0
        self._waiting: IO[bytes] | None = None
        self._part: Path | None = None
        self._target: IO[bytes] = sys.stdout.buffer
        if config.output_file:
            target = Path(config.output_file)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._part = target.with_name(f".{target.name}.{os.getpid()}.part")
            self._target = self._part.open("wb")

    def begin(self, columns: list[str], is_last: bool) -> Result:
        """A place for the rows of the next result."""
        file = self._target
        if self._holds_back or (self.config.results == "last" and not is_last):
            if self._waiting is None or self.config.results == "last":
                self.forget()
                self._waiting = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - see finish
            file = self._waiting
        elif self.config.results == "last":
            self.forget()
        self.sets += 1
        return Result(file, columns, self.config, between=self.config.results == "all" and self.sets > 1)

    def forget(self) -> None:
        """Drop what waits: it is not wanted any more."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def restart(self) -> None:
        """Drop everything of a transaction that was rolled back."""
        self.forget()
        self.sets = 0

    def finish(self) -> None:
        """Hand over what waits, and the file as a whole."""
        if self._waiting is not None:
            self._waiting.seek(0)
            shutil.copyfileobj(self._waiting, self._target, 1 << 16)
            self.forget()
        self._target.flush()
        if self._part is not None:
            self._target.close()
            self._part.replace(self.config.output_file)
            self._part = None

    def abandon(self) -> None:
        """Leave no unfinished file behind."""
        self.forget()
        if self._part is not None:
            self._target.close()
            self._part.unlink(missing_ok=True)


class Result:
    """One result set on its way out; `rows` and `bytes` count what was written."""

    def __init__(self, file: IO[bytes], columns: list[str], config: SqlConfig, between: bool) -> None:
        self.file, self.config, self.rows = file, config, 0
        self.bytes = 0
        self.first: Any = None
        self._columns = distinct(columns)
        self._lines: list[str] = []
        self._csv = csv.writer(_Lines(self._lines), lineterminator="\n", delimiter=self._delimiter)
        self._object = row_writer(self._columns, config.numbers == "native")
        # Of several results each is one line: nobody could tell them apart otherwise.
        self._is_one_line = config.output_format == "jsonl" and config.results == "all"
        formats: dict[str, Callable[[Any], None]] = {
            "jsonl": self._in_one_line if self._is_one_line else self._jsonl,
            "json": self._json,
            "csv": self._separated,
            "tsv": self._separated,
            "raw": self._raw,
            "none": lambda row: None,
        }
        self._row = formats[config.output_format]
        if config.output_format in ("csv", "tsv"):
            if between:
                self._lines.append("\n")
            if config.headers:
                self._csv.writerow(self._columns)
        elif config.output_format == "json" or self._is_one_line:
            self._lines.append("[")

    def write(self, rows: Iterable[Any]) -> None:
        """Append rows."""
        for row in rows:
            if not self.rows and len(row):
                self.first = row[0]
            self._row(row)
            self.rows += 1
        self._flush()

    def end(self) -> None:
        """There are no more rows."""
        if self.config.output_format == "json":
            self._lines.append("\n]\n" if self.rows else "]\n")
        elif self._is_one_line:
            self._lines.append("]\n")
        self._flush()

    @property
    def _delimiter(self) -> str:
        return "\t" if self.config.output_format == "tsv" else ","

    def _flush(self) -> None:
        if self._lines:
            self._put("".join(self._lines).encode("utf-8", "surrogateescape"))
            self._lines.clear()

    def _put(self, data: Any) -> None:
        self.bytes += len(data)
        self.file.write(data)

    def _jsonl(self, row: Any) -> None:
        self._lines.append(f"{self._object(row)}\n")

    def _in_one_line(self, row: Any) -> None:
        self._lines.append(f"{', ' if self.rows else ''}{self._object(row)}")

    def _json(self, row: Any) -> None:
        self._lines.append(f"{',' if self.rows else ''}\n  {self._object(row)}")

    def _separated(self, row: Any) -> None:
        null = self.config.null_string
        self._csv.writerow([null if value is None else to_text(value) for value in row])

    def _raw(self, row: Any) -> None:
        for value in row:
            if isinstance(value, bytes | bytearray | memoryview):
                self._flush()
                self._put(value)
            else:
                self._lines.append(f"{self.config.null_string if value is None else to_text(value)}\n")


class _Lines:
    """What the csv module takes for a file."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append
