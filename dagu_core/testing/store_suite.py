"""What every suite for stores stands on: a clock that is told the time, a run, an open store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from dagu_core.contracts.store import StateStore, definition_key
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.events import Noted
from dagu_core.model.run.run import RunRef, RunSummary

T = TypeVar("T")
SOURCE = Source("steps: [echo]\n", path="/dags/a.yaml", document=1, base="env: []\n")
NOTE = Noted(at=2.0, code="note", message="ünïcödé \udcff")


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: float = 1_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def new_run_id(self) -> str:
        raise NotImplementedError

    def new_token(self, digits: int = 6) -> str:
        raise NotImplementedError


def summary(run_id: str = "r1", dag: str = "a", **fields: object) -> RunSummary:
    """A run that can be stored; `fields` override."""
    values: dict[str, object] = {"created_at": 1.0, "definition": definition_key(SOURCE), "fence": 1}
    return RunSummary(RunRef(dag, run_id), **(values | fields))  # type: ignore[arg-type]


class StoreSuite:
    """Opens a store for each test. `clock` must be what the made store tells time by; `folder` is a
    fresh folder of the test."""

    clock: ManualClock
    folder: Path

    def make_store(self) -> StateStore:
        """A new store, not yet open; all stores of one test see the same data."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _new_clock_and_folder(self, tmp_path: Path) -> None:
        self.clock, self.folder = ManualClock(), tmp_path

    def run(self, test: Callable[[StateStore], Awaitable[T]]) -> T:
        """Run a test against an open store."""

        async def main() -> T:
            store = self.make_store()
            await store.open()
            try:
                return await test(store)
            finally:
                await store.close()

        return asyncio.run(main())
