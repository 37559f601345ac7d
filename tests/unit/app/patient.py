"""A home for the doctor to look at."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.doctor import examine
from dagu_core.app.requests import StartRequest
from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import Change
from dagu_core.model.run.run import RunRef

FLOW = "steps: [{name: a, command: 'true'}, {name: b, command: 'true'}]"


MANY = 1 << 40


@dataclass
class Patient:
    """A home with a DAG `flow` in it."""

    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        environ = {"DAGU_HOME": str(self.home), "HOME": str(self.home), "PATH": os.environ["PATH"]}
        return Settings.load(environ=environ | self.more)

    def examine(self, **treatment: Any) -> list[Finding]:
        host = PluginHost.of(self.settings, discover=False)
        return asyncio.run(examine(self.settings, host, Treatment(**treatment)))

    def ask(self, question: Callable[[App], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            async with App.open(self.settings, discover=False) as app:
                return await question(app)

        return asyncio.run(work())

    def write(self, name: str, text: str) -> None:
        (self.home / "dags").mkdir(parents=True, exist_ok=True)
        (self.home / "dags" / f"{name}.yaml").write_text(text)

    def enqueue(self, run_id: str, dag: str = "flow") -> None:
        self.ask(lambda app: app.runs.enqueue(StartRequest(dag=dag, run_id=run_id)))

    def sql(self, statement: str, *values: object) -> None:
        database = sqlite3.connect(self.home / "data" / "dagu.db")
        with database:
            assert database.execute(statement, values).rowcount
        database.close()

    def change(self, run_id: str, **changes: Any) -> None:
        """Write a run as if its engine had left it so."""

        async def work(app: App) -> None:
            stored = await app.store.load(RunRef("flow", run_id))
            for name, value in changes.items():
                setattr(stored.summary, name, value)
            await app.store.commit(Change(stored.summary))

        self.ask(work)


def only(found: list[Finding]) -> Finding:
    (one,) = found
    assert one.what and one.where and one.advice
    return one
