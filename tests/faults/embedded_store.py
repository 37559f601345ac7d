"""An embedded store in a file, with two runs in it, and a way to break it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.contracts.store import Change
from dagu_core.model.run.events import Event, Noted, RunStarted
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.store_contract import SOURCE, summary

REF = RunRef("a", "r1")
Test = Callable[[SqliteStore], Awaitable[Any]]


def with_store(path: Path, test: Test, options: str = "", **extra: Any) -> Any:
    async def main() -> Any:
        store = SqliteStore(f"sqlite://{path}{options}", **extra)
        await store.open()
        try:
            return await test(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def two_runs(store: SqliteStore) -> None:
    step = StepRun(StepStatus.SUCCEEDED, attempts=1)
    run = summary(status=RunStatus.RUNNING, queue="q", log="/log", tags=("x",))
    events: list[Event] = [RunStarted(5.0, "att", (("A", "1"),), "/log"), Noted(6.0, "n", "m")]
    await store.create(Change(run, {"good": step, "bad": step}, events), SOURCE)
    await store.create(Change(summary("other", status=RunStatus.RUNNING), {"good": step}), SOURCE)


async def nothing(store: SqliteStore) -> None:
    """Open and close."""


def damage(path: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()


def value(path: Path, statement: str) -> Any:
    db = sqlite3.connect(path)
    row = db.execute(statement).fetchone()
    db.close()
    return row[0]
