"""`dagu queue pause --until`: the pause is over at its end, whoever lives then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dagu_core.app.app import App
from dagu_core.app.queue_rules import Orders
from dagu_core.app.requests import StartRequest
from dagu_core.base.clock import rfc3339
from dagu_core.base.settings import Settings
from dagu_core.testing.fakes import FakeClock

NOON = 1_772_452_800.0


@asynccontextmanager
async def app_at(root: Path, seconds: float) -> AsyncIterator[App]:
    """An app over the home below `root`, so many seconds after noon; the DAG `one` is there."""
    (root / "dags").mkdir(exist_ok=True)
    (root / "dags" / "one.yaml").write_text("queue: q\nmaxActiveRuns: 3\nsteps: ['true']\n")
    settings = Settings.load(environ={"DAGU_HOME": str(root), "PATH": "/usr/bin:/bin", "DAGU_TZ": "UTC"})
    async with App.open(settings, discover=False, clock=FakeClock(NOON + seconds)) as app:
        yield app


def test_it_ends_by_itself_whoever_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with app_at(tmp_path, 0) as app:
            ref = (await app.runs.enqueue(StartRequest(dag="one", run_id="r"))).ref
            ordered = await app.queues.pause("q", "alice", "SFTP down", NOON + 90)
            assert ordered == Orders(True, "alice", "SFTP down", NOON, until=NOON + 90)
        for seconds, limit, opens in ((89.9, 0, NOON + 90), (90, 3, NOON + 90), (91, 3, NOON + 91)):
            async with app_at(tmp_path, seconds) as app:
                assert await app.queues.limit_of("q", ref) == limit
                assert await app.queues.opens_at("q") == opens
                assert (await app.queues.all_orders())["q"].paused is not bool(limit)

    asyncio.run(main())


def test_the_end_is_told_to_who_asks(tmp_path: Path) -> None:
    async def main() -> None:
        async with app_at(tmp_path, 0) as app:
            await app.runs.enqueue(StartRequest(dag="one", run_id="r"))
            orders = await app.queues.pause("q", "alice", "SFTP down", NOON + 90)
            (reason,) = await app.history.why("one", "r")
            view, _ = await app.queues.show("q")
        assert orders.end == f" until {rfc3339(NOON + 90)}"
        assert view.orders.sentence == f"paused by alice{orders.end}: SFTP down"
        assert reason.sentence.endswith(f"queue q is {view.orders.sentence}")
        async with app_at(tmp_path, 90) as app:
            (reason,) = await app.history.why("one", "r")
            assert "paused" not in reason.sentence

    asyncio.run(main())


def test_the_later_order_counts(tmp_path: Path) -> None:
    async def main() -> None:
        async with app_at(tmp_path, 0) as app:
            await app.queues.pause("q", "alice", "short", NOON + 10)
            assert (await app.queues.pause("q", "bob")).until is None
            assert await app.queues.opens_at("q") == float("inf")
            await app.queues.pause("q", "alice", "short", NOON + 10)
            assert (await app.queues.set_limit("q", 5)).until == NOON + 10
        async with app_at(tmp_path, 20) as app:
            assert await app.queues.orders_of("q") == Orders(max_concurrency=5)
            assert await app.queues.set_limit("q", None) == Orders()

    asyncio.run(main())
