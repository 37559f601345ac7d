"""Runs of a backfill meet others of their DAG or group: they wait, or are given up where the file says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.backfill import Backfill
from dagu_core.app.backfill_overlap import Companies
from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.app.moments import end_of, instant_of
from dagu_core.app.requests import StartRequest
from dagu_core.service.backfills import BackfillLoop
from tests.unit.service.lab import Lab, lab

DAILY = "schedule: '0 9 * * *'\n"
GROUP = DAILY + "overlap: {policy: queue, group: deploy}\n"


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            await work(one)

    asyncio.run(main())


async def sure() -> None:
    """The one that leads."""


async def create(one: Lab, days: int = 2, **more: object) -> Backfill:
    request = BackfillRequest("daily", instant_of("2026-01-01"), end_of(f"2026-01-0{days}"), **more)  # type: ignore[arg-type]
    return await one.app.backfills.create(request)


async def live(one: Lab, dag: str = "daily") -> None:
    await one.app.runs.enqueue(StartRequest(dag=dag, run_id="live"))


async def made(one: Lab) -> int:
    return sum(run_id.startswith("backfill-") for run_id in await one.ids())


async def finish(one: Lab, companies: Companies | None = None) -> None:
    loop = BackfillLoop(one.app, sure, companies)
    while await loop.step():
        for run_id in await one.active():
            await one.end(run_id)


@pytest.mark.parametrize(
    "policy", ["", *(f"overlapPolicy: {word}" for word in ("queue", "latest", "cancel"))]
)
def test_it_waits_for_a_run_of_its_dag_and_says_so(tmp_path: Path, policy: str) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", f"{DAILY}queue: wide\n{policy}")
        await live(one)
        order = await create(one, max_active=2)
        loop = BackfillLoop(one.app, sure)
        for _ in range(2):
            assert await loop.step()
        assert await made(one) == 0
        assert await one.app.backfills.waits_for(order) == "run daily:live is active"
        await one.end("live")
        assert await one.app.backfills.waits_for(order) == ""
        await loop.step()
        assert await made(one) == 2
        await finish(one)
        assert (await one.app.backfills.get(order.id)).refused == 0

    run(tmp_path, work)


def test_a_skip_in_the_file_gives_its_runs_up_with_an_event_each(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", f"{DAILY}overlapPolicy: skip")
        await live(one)
        order = await create(one)
        await BackfillLoop(one.app, sure).step()
        why = "run daily:live is active (overlapPolicy: skip)"
        assert [(each.outcome, each.reason) for each in await one.app.backfills.results(order)] == [
            ("refused", why)
        ] * 2
        told = await one.decided("daily")
        assert [(each.kind, each.reason) for each in told] == [("dropped", "overlap")] * 2
        assert {each.detail for each in told} == {f"backfill {order.id}: {why}"}
        await one.end("live")
        await finish(one)
        await one.app.backfills.retry_failed(order.id)
        await finish(one)
        assert await made(one) == 2

    run(tmp_path, work)


@pytest.mark.parametrize("known", [True, False])
def test_it_waits_for_a_run_of_another_dag_of_its_group(tmp_path: Path, known: bool) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", GROUP)
        one.write("other", GROUP)
        await live(one, "other")
        order = await create(one)
        companies = (await one.pass_at(0)).firing.company if known else None
        loop = BackfillLoop(one.app, sure, companies)
        await loop.step()
        assert await made(one) == 0
        assert await one.app.backfills.waits_for(order) == "run other:live is active (group deploy)"
        await one.end("live")
        await finish(one, companies)
        assert await made(one) == 2

    run(tmp_path, work)


@pytest.mark.parametrize(("rule", "at_once"), [("maxActiveRuns: 3", 2), ("overlapPolicy: allow", 3)])
def test_beside_others_it_takes_the_room_there_is(tmp_path: Path, rule: str, at_once: int) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY + rule)
        await live(one)
        await create(one, 5, max_active=3)
        await BackfillLoop(one.app, sure).step()
        assert await made(one) == at_once

    run(tmp_path, work)


def test_of_two_backfills_none_gives_its_runs_up(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY + "overlapPolicy: skip")
        orders = [await create(one, 2)]
        one.clock.at += 1
        orders.append(await create(one, 4))
        await finish(one)
        counts = [await one.app.backfills.get(each.id) for each in orders]
        assert [(each.made, each.existing, each.refused) for each in counts] == [(2, 0, 0), (2, 2, 0)]

    run(tmp_path, work)
