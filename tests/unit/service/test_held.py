"""Runs that are held back: what people are told of them, and of the scheduler that lets them go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.services import register
from dagu_core.base.errors import Conflict
from dagu_core.engine.liveness import EngineLock
from tests.unit.service.lab import Lab, lab

NOBODY = "no scheduler is there to let it go: start `dagu scheduler`"


async def reasons(one: Lab, queue: str) -> list[str]:
    """What the runs of a queue wait for, as `queue show` and `why` tell it: they agree."""
    _, places = await one.app.queues.show(queue)
    for place in places:
        (told,) = await one.app.history.why(place.summary.ref.dag, place.summary.ref.run_id)
        assert told.sentence.endswith(f": {place.reason}")
    return [place.reason for place in places]


def test_who_lets_a_held_run_go_is_told_while_nobody_does(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            one.write("late", "schedule: '*/10 * * * *'\ncatchUp: {mode: all, window: 1h}\nqueue: q")
            await one.pass_at(0)
            await one.pass_at(35 * 60)  # three were missed: one goes, the others wait for their turn
            free, *held = await reasons(one, "q")
            assert "no runner is there" in free and "scheduler" in free
            assert held == [f"held back (catchup) until no run of late is active, and {NOBODY}"] * 2
            lock = EngineLock(one.app.settings.paths.data, "s1")
            lock.hold()
            await register(one.app, "scheduler", "s1", one.clock.now())
            assert (await reasons(one, "q"))[1:] == ["held back (catchup) until no run of late is active"] * 2
            lock.release()  # it died: its note is there, it is not
            assert all(NOBODY in each for each in (await reasons(one, "q"))[1:])

    asyncio.run(work())


def test_a_run_behind_others_tells_how_many_there_may_be(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            one.write("slow", "schedule: '* * * * * *'\noverlapPolicy: queue\nmaxActiveRuns: 2")
            for seconds in (0, 1, 2, 3):
                await one.pass_at(seconds)
            *_, last = await reasons(one, "slow")
            assert last == f"held back (overlap) until fewer than 2 runs of slow are active, and {NOBODY}"

    asyncio.run(work())


def test_held_runs_stand_in_the_order_they_leave_their_line(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            one.write("m", "schedule: '* * * * *'\ncatchUp: {mode: all, maxRuns: 3, window: 1h}")
            await one.pass_at(0)
            await one.drain()
            await one.pass_at(600)  # live starts join those of the batch, with a higher priority
            _, places = await one.app.queues.show("m")
            assert [place.summary.priority for place in places] == [3, 3, 3, 5, 5]
            shown = [place.summary.ref for place in places]
            assert [ref.run_id[-7:] for ref in shown] == [f"12{minute:02}00Z" for minute in range(6, 11)]
            assert [await one.app.queues.position(ref) for ref in shown] == [1, 2, 3, 4, 5]
            assert await one.drain() == [ref.run_id for ref in shown]

    asyncio.run(work())


def test_a_held_run_has_no_place_that_could_be_changed(tmp_path: Path) -> None:
    async def work() -> None:
        async with lab(tmp_path) as one:
            one.write("slow", "schedule: '* * * * * *'\noverlapPolicy: queue")
            for seconds in (0, 1, 2):
                await one.pass_at(seconds)
            _, (free, held) = await one.app.queues.show("slow")
            first, second = free.summary.ref, held.summary.ref
            queues = one.app.queues
            for refused in (
                queues.to_front(second),
                queues.to_back(second),
                queues.before(second, first),
                queues.before(first, second),
                queues.move(second, "slow", front=True),
            ):
                with pytest.raises(Conflict):
                    await refused
            await queues.to_front(first)
            assert (await queues.prioritise(second, 9)).priority == 9
            assert (await queues.move(second, "other")).queue == "other"

    asyncio.run(work())
