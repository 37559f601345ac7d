"""A scheduler whose passes happen when a test says so: a clock that is told the time, no processes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import dagu_cron.plugin as cron
from dagu_core.app import decisions
from dagu_core.app.accepting import is_held
from dagu_core.app.app import App
from dagu_core.app.decisions import Decision
from dagu_core.app.held import held_runs, let_first_go
from dagu_core.base.settings import Settings
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.model.run.events import RunEnded
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus
from dagu_core.service.reign import Reign
from dagu_core.service.scheduler import candidate
from dagu_core.testing.fakes import FakeClock

NOON = datetime.fromisoformat("2026-03-02T12:00:00Z").timestamp()


@dataclass
class Lab:
    """An app on a memory store, at noon of a Monday."""

    app: App
    clock: FakeClock
    root: Path
    said: list[str] = field(default_factory=list)

    def write(self, name: str, text: str, steps: str = "steps: ['true']") -> Path:
        """A definition in the DAGs folder."""
        path = self.app.settings.paths.dags / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{inspect.cleandoc(text)}\n{steps}\n", "utf-8")
        return path

    async def pass_at(self, seconds: float) -> Reign:
        """What a scheduler does that begins `seconds` after noon: one pass."""
        self.clock.at = NOON + seconds
        async with candidate(self.app, self.said.append) as scheduler:
            return await scheduler.one_pass()

    async def runs(self, dag: str = "") -> list[RunSummary]:
        """The runs, oldest due first."""
        found = await self.app.store.find(RunQuery(dag=dag, limit=10_000))
        return sorted(found, key=lambda one: one.ref.run_id.split("-")[-1])

    async def ids(self, dag: str = "") -> list[str]:
        return [one.ref.run_id for one in await self.runs(dag)]

    async def decided(self, dag: str) -> list[Decision]:
        """The decisions about a DAG, oldest first."""
        return (await decisions.of(self.app, dag, 1000))[::-1]

    async def active(self) -> list[str]:
        """The ids of runs that are not over and not held."""
        return [one.ref.run_id for one in await self.runs() if one.status.is_active and not is_held(one)]

    async def begin(self, run_id: str) -> RunSummary:
        """A runner takes a run."""
        one = next(one for one in await self.runs() if one.ref.run_id == run_id)
        (stored,) = await self.app.store.claim(one.queue, engine="e1", host="h", ref=one.ref)
        return stored.summary

    async def end(self, run_id: str, status: RunStatus = RunStatus.SUCCEEDED) -> None:
        """A run comes to its end; one that waits in a queue begins first."""
        one = next(one for one in await self.runs() if one.ref.run_id == run_id)
        if one.status is RunStatus.QUEUED:
            one = await self.begin(run_id)
        one.status, one.finished_at = status, self.clock.now()
        await self.app.store.commit(Change(one, events=[RunEnded(self.clock.now(), status)]))

    async def let_go(self) -> list[str]:
        """One look at what is held; the ids of runs that are held no longer."""
        gone: list[RunSummary] = []
        for line in (await held_runs(self.app)).values():
            gone += await let_first_go(self.app, line, 100)
        return [one.ref.run_id for one in gone]

    async def drain(self) -> list[str]:
        """Everything active ends, one after the other; the ids in the order they were active."""
        order: list[str] = []
        while active := await self.active():
            assert len(active) == 1, active
            order.append(active[0])
            await self.end(active[0])
            await self.let_go()
        return order


@asynccontextmanager
async def lab(root: Path, plugins: Sequence[object] = (), **environ: str) -> AsyncIterator[Lab]:
    """A lab; nothing of it outlives the block."""
    env = {
        "DAGU_HOME": str(root),
        "PATH": "/usr/bin:/bin",
        "DAGU_STORE": "memory:",
        "DAGU_TZ": "UTC",
        **environ,
    }
    clock = FakeClock(NOON)
    settings = Settings.load(environ=env)
    async with App.open(settings, plugins=[cron, *plugins], discover=False, clock=clock) as app:
        yield Lab(app, clock, root)
