"""A schedule whose plugin is not here: the others go on, and everybody is told why this one does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.service.scheduler import candidate
from dagu_core.testing.fakes import FakeClock
from tests.unit.service.lab import NOON, Lab

TOLD = "there is no schedule kind `cron`; install it with: pip install dagu-cron"


@asynccontextmanager
async def bare(root: Path) -> AsyncIterator[Lab]:
    """A lab without dagu-cron; one DAG needs it."""
    environ = {"DAGU_HOME": str(root), "PATH": "/usr/bin:/bin", "DAGU_STORE": "memory:", "DAGU_TZ": "UTC"}
    clock = FakeClock(NOON)
    async with App.open(Settings.load(environ=environ), discover=False, clock=clock) as app:
        one = Lab(app, clock, root)
        one.write("lame", "schedule: '0 1 * * *'")
        one.write("fine", "schedule: {start: {at: '2030-01-01T00:00:00Z'}}")
        yield one


def test_the_scheduler_says_what_to_install_and_keeps_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with bare(tmp_path) as one:
            reign = await one.pass_at(0)
            assert one.said == [f"lame: {TOLD}"]
            assert reign.scheduled == 1
            (decision,) = await one.decided("lame")
            assert (decision.kind, decision.reason, decision.detail) == ("refused", "schedule", TOLD)
            assert one.app.schedules.obstacle("lame") == TOLD
            assert one.app.schedules.obstacle("fine") == one.app.schedules.obstacle("nope") == ""

    asyncio.run(main())


@pytest.mark.parametrize(("more", "counted"), [("", 1), ("again", 2)])
def test_a_leader_counts_what_can_start(tmp_path: Path, more: str, counted: int) -> None:
    async def main() -> None:
        async with bare(tmp_path) as one, candidate(one.app, one.said.append) as scheduler:
            if more:
                one.write(more, "schedule: {start: {at: '2031-01-01T00:00:00Z'}}")
            stop = asyncio.Event()
            serving = asyncio.create_task(scheduler.serve(stop))
            async with asyncio.timeout(20):
                while not any("leading" in line for line in one.said):
                    await asyncio.sleep(0.01)
                assert f"leading: {counted} scheduled DAGs" in one.said
                assert scheduler.health()["dags"] == counted
            stop.set()
            await serving

    asyncio.run(main())
