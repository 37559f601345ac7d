"""Who leads: a lease with a fence, and the kernel's word on who is dead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.services import register
from dagu_core.base.errors import LostOwnership
from dagu_core.engine.liveness import EngineLock
from dagu_core.service import leadership
from dagu_core.service.leadership import KEY, TTL, Leadership
from tests.unit.service.lab import Lab, lab


async def candidate(one: Lab, engine: str) -> tuple[Leadership, EngineLock]:
    lock = EngineLock(one.app.settings.paths.data, engine)
    lock.hold()
    await register(one.app, "scheduler", engine, one.clock.now())
    return Leadership(one.app, engine), lock


def test_one_leads_and_the_next_one_when_it_gives_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            first, its_lock = await candidate(one, "s1")
            second, lock = await candidate(one, "s2")
            await first.win()
            waits = asyncio.ensure_future(second.win())
            await asyncio.sleep(0.05)
            assert first.leads and not second.leads and not waits.done()
            fence = first.fence
            await first.give_up()
            async with asyncio.timeout(5):
                await waits
            assert second.fence is not None and fence is not None and second.fence > fence
            its_lock.release()
            lock.release()

    asyncio.run(work())


def test_a_dead_leader_of_this_host_is_replaced_before_its_lease_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            first, its_lock = await candidate(one, "s1")
            second, lock = await candidate(one, "s2")
            await first.win()
            waits = asyncio.ensure_future(second.win())
            await asyncio.sleep(0.05)
            its_lock.release(leaving_runs=True)  # the kernel lets go of the lock of the dead
            async with asyncio.timeout(3):
                await waits
            lock.release()

    asyncio.run(work())


def test_a_thawed_leader_learns_that_it_leads_no_longer_before_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            awake = 1000.0
            monkeypatch.setattr(leadership, "awake", lambda: awake)
            first, its_lock = await candidate(one, "s1")
            await first.win()
            await first.sure()
            awake += TTL + 1  # frozen
            await one.app.store.release(KEY, "s1")  # it ran out
            assert await one.app.store.acquire(KEY, "s2", TTL) is not None
            with pytest.raises(LostOwnership):
                await first.sure()
            assert not first.leads
            its_lock.release()

    asyncio.run(work())


def test_a_lease_that_was_lost_and_won_again_counts_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has led meanwhile: what this process believes of the table is old."""

    async def work() -> None:
        async with lab(tmp_path) as one:
            awake = 1000.0
            monkeypatch.setattr(leadership, "awake", lambda: awake)
            first, its_lock = await candidate(one, "s1")
            await first.win()
            awake += TTL + 1
            await one.app.store.release(KEY, "s1")
            await one.app.store.acquire(KEY, "s2", TTL)
            await one.app.store.release(KEY, "s2")
            with pytest.raises(LostOwnership):
                await first.sure()
            its_lock.release()

    asyncio.run(work())
