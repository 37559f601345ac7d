"""A scheduler with nothing to do sleeps; it wakes for a reason, and at once."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.app.moments import end_of, instant_of
from dagu_core.app.requests import StartRequest
from dagu_core.engine.liveness import EngineLock
from dagu_core.service import clock_watch
from dagu_core.service.beat import BEAT, heard, rest, wake_at
from dagu_core.service.clock_watch import ClockWatch
from dagu_core.service.folder_watch import FolderWatch
from dagu_core.service.leadership import KEY, Leadership
from dagu_core.service.scheduler import Scheduler, candidate
from tests.unit.service.lab import NOON, Lab
from tests.unit.service.virtual import VirtualLoop, run

MINUTE, HOUR = 60.0, 3600.0


@asynccontextmanager
async def at_work(one: Lab) -> AsyncIterator[Scheduler]:
    """A scheduler that leads, just after a beat."""
    async with candidate(one.app, one.said.append, alone=True) as scheduler:
        stop = asyncio.Event()
        serving = asyncio.create_task(scheduler.serve(stop))
        await rest(4 * BEAT)
        await asyncio.sleep(0.5)
        assert scheduler.health()["leader"] and not serving.done()
        yield scheduler
        stop.set()
        await serving


async def made(one: Lab, count: int, loop: VirtualLoop) -> float:
    """Seconds until there are so many runs."""
    began = loop.time()
    while len(await one.runs()) < count:
        await asyncio.sleep(0.01)
        assert loop.time() - began < HOUR
    return loop.time() - began


def test_200_daily_dags_wake_it_less_than_five_times_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        for number in range(200):
            one.write(f"daily-{number}", f"schedule: '{number % 60} 3 * * *'")
        async with at_work(one):
            for _ in range(20):
                before = loop.wakes
                await asyncio.sleep(MINUTE)
                assert loop.wakes - before - 1 < 5  # one of them is ours
            await asyncio.sleep(BEAT - 1)  # just before it is renewed
            assert await one.app.store.acquire(KEY, "other", 1.0) is None, "it must not lose the lease"
            assert await one.runs() == []

    run(tmp_path, monkeypatch, work)


def test_what_is_due_is_done_at_its_time_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        one.write("daily", "schedule: ['7 7 13 * * *', '11 11 3 * * *']")  # between two beats
        async with at_work(one):
            await asyncio.sleep(2 * HOUR)
            (first,) = await one.runs()
            await one.end(first.ref.run_id)
            await asyncio.sleep(22 * HOUR)
            first, second = await one.runs()
            assert 0 <= first.created_at - (NOON + HOUR + 7 * MINUTE + 7) < 0.1
            assert 0 <= second.created_at - (NOON + 15 * HOUR + 11 * MINUTE + 11) < 0.1

    run(tmp_path, monkeypatch, work)


def test_a_backfill_is_begun_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        one.write("daily", "schedule: '0 9 * * *'")
        async with at_work(one):
            request = BackfillRequest("daily", instant_of("2026-01-01"), end_of("2026-01-31"))
            backfill = await one.app.backfills.create(request)
            assert await made(one, 1, loop) < 0.1
            await one.app.backfills.pause(backfill.id)
            await rest(BEAT)
            await asyncio.sleep(0.5)
            await one.end((await one.ids())[0])
            await one.app.backfills.resume(backfill.id)
            assert await made(one, 2, loop) < 0.1

    run(tmp_path, monkeypatch, work)


def test_a_run_that_is_held_goes_soon_after_its_turn_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        one.write("busy", "schedule: '0 9 * * *'\noverlap: {policy: queue, includeManual: true}")
        async with at_work(one):
            for run_id in ("first", "second"):
                await one.app.runs.enqueue(StartRequest(dag="busy", run_id=run_id))
            assert await one.active() == ["first"]
            await one.end("first")
            began = loop.time()
            while await one.active() != ["second"]:
                await asyncio.sleep(0.01)
            assert loop.time() - began < 1.0

    run(tmp_path, monkeypatch, work)


def test_the_end_of_a_suspension_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        one.write("daily", "schedule: '1 12 * * *'\ncatchUp: {mode: all, window: 1h, onUnsuspend: true}")
        one.app.schedules.suspend("daily")
        async with at_work(one):
            await asyncio.sleep(5 * MINUTE)
            assert await one.runs() == []
            one.app.schedules.resume("daily")
            assert await made(one, 1, loop) < 1.0

    run(tmp_path, monkeypatch, work)


def test_a_stand_by_hears_of_a_death_before_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        from dagu_core.app.services import register

        lock = EngineLock(one.app.settings.paths.data, "s1")
        lock.hold()
        await register(one.app, "scheduler", "s1", one.clock.now())
        first, second = Leadership(one.app, "s1"), Leadership(one.app, "s2")
        await first.win()
        waits = asyncio.create_task(second.win())
        before = loop.wakes
        await asyncio.sleep(10)
        assert not waits.done() and loop.wakes - before < 10
        began = loop.time()
        lock.release(leaving_runs=True)
        await waits
        assert loop.time() - began < 0.1

    run(tmp_path, monkeypatch, work)


def test_a_lease_that_ran_out_and_that_nobody_took_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        first = Leadership(one.app, "s1")
        await first.win()
        await asyncio.sleep(HOUR)
        await first.sure()
        assert first.leads
        assert await one.app.store.acquire(KEY, "s2", 1.0) is None

    run(tmp_path, monkeypatch, work)


def test_a_folder_that_is_missing_is_not_looked_for_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "not" / "yet" / "there"

    async def work(one: Lab, loop: VirtualLoop) -> None:
        changes = FolderWatch([folder, tmp_path]).changes()
        assert await anext(changes) is None
        heard_of = asyncio.ensure_future(anext(changes))
        before = loop.wakes
        await asyncio.sleep(40)
        assert not heard_of.done() and loop.wakes - before == 1
        folder.parent.mkdir(parents=True)
        assert folder.parents[1] in (await heard_of or set())
        heard_of = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        folder.mkdir()
        assert await heard_of is None
        assert loop.time() < 41
        await changes.aclose()

    run(tmp_path, monkeypatch, work)


def test_all_who_rest_wake_on_the_same_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab, loop: VirtualLoop) -> None:
        assert (wake_at(BEAT), wake_at(1.5 * BEAT)) == (BEAT, BEAT)
        await asyncio.sleep(10)
        assert (wake_at(BEAT), wake_at(1.5 * BEAT), wake_at(4 * BEAT)) == (BEAT, 2 * BEAT, 4 * BEAT)
        assert wake_at(2.5) == 12.5
        before = loop.wakes
        event = asyncio.Event()
        await asyncio.gather(rest(BEAT), heard(event, BEAT), heard(event, 1.1 * BEAT), rest(BEAT))
        assert loop.wakes - before == 1
        event.set()
        assert await heard(event, BEAT)

    run(tmp_path, monkeypatch, work)


def test_a_clock_that_is_set_is_told_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(descriptor: int, count: int) -> bytes:
        raise OSError(errno.ECANCELED, "the clock was set")

    async def main() -> None:
        event = asyncio.Event()
        with ClockWatch(event) as watch:
            assert watch.tells
            await asyncio.sleep(0.05)
            assert not event.is_set(), "nobody has set it"
            with monkeypatch.context() as patch:
                patch.setattr(os, "read", cancelled)
                watch._read()
            assert event.is_set()
        assert not watch.tells
        monkeypatch.setattr(clock_watch, "_libc", None)
        with ClockWatch(event) as watch:
            assert not watch.tells

    asyncio.run(main())
