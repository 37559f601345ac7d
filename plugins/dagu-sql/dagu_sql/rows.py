"""Reads the rows of a file that is to be imported, one at a time, each with its line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

from dagu_core.contracts.work import Failed
from dagu_sql.config import ImportConfig

#: characters one field may have
_FIELD_LIMIT = 1 << 30
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Row:
    """The values of a row, in the order of the columns, and the line it begins in."""

    line: int
    values: list[Any]


class Source:
    """An open file of rows. `columns` is known once `rows` was called."""

    def __init__(self, config: ImportConfig) -> None:
        self.config = config
        self.columns: list[str] = list(config.columns)
        self.format = config.format or _ENDINGS.get(PurePath(config.input_file).suffix.lower(), "")
        if not self.format:
            raise Failed(f"cannot tell the format of {config.input_file}: give `format`")
        try:
            self._file: IO[str] = open(config.input_file, newline="", encoding=config.encoding)  # noqa: SIM115
        except (OSError, LookupError) as error:
            raise Failed(
                f"cannot read {config.input_file}: {getattr(error, 'strerror', '') or error}"
            ) from None

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row]:
        """Every row. Raises Failed that names the line of one that cannot be read."""
        return self._objects() if self.format == "jsonl" else self._separated()

    def _bad(self, line: int, what: str) -> Failed:
        return Failed(f"{self.config.input_file}:{line}: {what}")

    def _separated(self) -> Iterator[Row]:
        csv.field_size_limit(_FIELD_LIMIT)
        delimiter = self.config.delimiter or ("\t" if self.format == "tsv" else ",")
        lines = self._fields(csv.reader(self._file, delimiter=delimiter, strict=True))
        if self.config.has_header:
            header = next(lines, None)
            if header is None:
                raise self._bad(1, "there is no header")
            self.columns = self.columns or [name.strip() for name in header[1]]
        if not self.columns:
            raise Failed("a file without a header needs `columns`")
        return self._checked(lines)

    def _fields(self, reader: Any) -> Iterator[tuple[int, list[str]]]:
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise self._bad(line, str(error)) from None
            except UnicodeDecodeError as error:
                raise self._bad(line, f"is not {error.encoding}: {error.reason}") from None
            if fields is None:
                return
            if fields:
                yield line, fields

    def _checked(self, lines: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
        nulls = frozenset(self.config.null_values)
        for line, fields in lines:
            if len(fields) != len(self.columns):
                raise self._bad(line, f"there are {len(fields)} values for {len(self.columns)} columns")
            yield Row(line, [None if each in nulls else each for each in fields])

    def _objects(self) -> Iterator[Row]:
        found = self._parsed()
        first = next(found, None)
        if first is None:
            return iter(())
        self.columns = self.columns or list(first[1])
        return self._picked(first, found)

    def _parsed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        number = 0
        try:
            for number, line in enumerate(self._file, 1):
                if not line.strip():
                    continue
                data = json.loads(line)
                if not isinstance(data, dict):
                    raise self._bad(number, "is no JSON object")
                yield number, data
        except json.JSONDecodeError as error:
            raise self._bad(number, f"column {error.colno}: {error.msg}") from None
        except UnicodeDecodeError as error:
            raise self._bad(number + 1, f"is not {error.encoding}: {error.reason}") from None

    def _picked(
        self, first: tuple[int, dict[str, Any]], rest: Iterator[tuple[int, dict[str, Any]]]
    ) -> Iterator[Row]:
        known = frozenset(self.columns)
        found: tuple[int, dict[str, Any]] | None = first
        while found is not None:
            number, data = found
            if not self.config.columns and (extra := data.keys() - known):
                raise self._bad(number, f"{sorted(extra)[0]} is not among the columns of the first row")
            yield Row(number, [_flat(data.get(name)) for name in self.columns])
            found = next(rest, None)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
