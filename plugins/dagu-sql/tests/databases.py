"""A database to test with, and what the work of a step on it came to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_sql.config import SqlConfig
from dagu_sql.executor import MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor
from dagu_sql.session import Session
from dagu_sql.watch import Watch

#: bytes of a blob, and how many are sent at once
_PIECE, _ROWS = 1 << 16, 32


@dataclass(frozen=True)
class Target:
    """A database to test with: its step type, its address, and how to look into it from outside."""

    type: str
    dsn: str
    ask: Callable[[str], list[tuple[Any, ...]]]
    host: str = "127.0.0.1"
    port: int = 0
    folder: Path = Path()

    def step(self, command: str | Sequence[str] = "", **config: Any) -> dict[str, Any]:
        text = {"command": command} if command else {}
        return {"type": self.type, "config": {"dsn": self.dsn, **config}, **text}

    def run(self, command: str | Sequence[str] = "", **config: Any) -> Done:
        """Do the work of such a step in this very process: that takes milliseconds."""
        return done(self.type, [command] if isinstance(command, str) else command, dsn=self.dsn, **config)

    def at(self, dsn: str, command: str, **config: Any) -> Done:
        """The same at another address."""
        return done(self.type, [command], dsn=dsn, **config)

    def engine(self, step: Mapping[str, Any]) -> StepResult:
        """Run a step the way users do."""
        return run(step, dag={"maxCleanUpTimeSec": 3})

    def start(
        self,
        command: str | Sequence[str] = "",
        dag: Mapping[str, Any] | None = None,
        stop_after: float | None = None,
        environ: Mapping[str, str] | None = None,
        **config: Any,
    ) -> StepResult:
        """Run such a step the way users do, by an engine and in a process of its own."""
        step = self.step(command, **config)
        return run(step, dag={"maxCleanUpTimeSec": 3, **(dag or {})}, stop_after=stop_after, environ=environ)

    def printing(self, file: Path) -> dict[str, Any]:
        """A step that writes the content of a file, which is put into the table `parts` of the server."""
        kind, blob = ("longblob", "X'{}'") if self.type == "mysql" else ("bytea", r"'\x{}'")
        name = "work.parts" if self.type == "mysql" else "parts"
        self.ask(f"DROP TABLE IF EXISTS {name}")
        self.ask(f"CREATE TABLE {name} (id integer PRIMARY KEY, part {kind})")
        with file.open("rb") as content:
            for first in count(0, _ROWS):
                pieces = list(takewhile(len, (content.read(_PIECE) for _ in range(_ROWS))))
                rows = (f"({first + row}, {blob.format(piece.hex())})" for row, piece in enumerate(pieces))
                if not pieces:
                    break
                self.ask(f"INSERT INTO {name} VALUES {', '.join(rows)}")
        return self.step("SELECT part FROM parts ORDER BY id", outputFormat="raw")

    def sleep(self, seconds: float) -> str:
        """A statement that takes about so long, or far longer."""
        if self.type == "sqlite":
            rows = "" if seconds > 10 else f" LIMIT {int(seconds * 3_000_000)}"
            return (
                f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n{rows}) SELECT max(x) FROM n"
            )
        return f"SELECT {'pg_sleep' if self.type == 'postgres' else 'SLEEP'}({seconds})"


@dataclass(frozen=True)
class Done:
    """What the work of a step came to."""

    code: int
    error: str
    stdout: bytes
    stderr: str

    @property
    def rows(self) -> list[Any]:
        assert self.code == 0, self.error
        return [json.loads(line) for line in self.stdout.splitlines()]


def done(kind: str, texts: Sequence[str], **config: Any) -> Done:
    """The work of a step of type `kind`."""
    out, err = io.BytesIO(), io.StringIO()
    data = SqlConfig.model_validate(config).model_dump(mode="json", by_alias=True)
    request = {"kind": kind, "texts": [text for text in texts if text], "config": data}
    watch = Watch(set())
    with redirect_stdout(io.TextIOWrapper(out, "utf-8")) as wrapper, redirect_stderr(err):
        try:
            code, error = watch.run(lambda: Session(request, watch).run(), 5.0), ""
        except Failed as failed:
            code, error = failed.code, str(failed)
        wrapper.flush()
        return Done(code, error, out.getvalue(), err.getvalue())


def run(step: Mapping[str, Any], **more: Any) -> StepResult:
    """Run one step in an app that has our step types and no others."""
    plugin = offering(SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)
    return run_step(step, plugins=[plugin], **more)
