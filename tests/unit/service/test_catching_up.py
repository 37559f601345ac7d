"""Starts that were missed: told, or caught up once, in order, within their limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.accepting import cause_of
from dagu_core.base.errors import LostOwnership
from dagu_core.model.run.run import ENV
from dagu_core.service.scheduler import candidate
from tests.unit.service.lab import NOON, Lab, lab

MINUTELY = 'schedule: "* * * * *"\n'
TEN = [f"sched-20260302T12{minute:02}00Z" for minute in range(1, 11)]


def run(root: Path, work: Callable[[Lab], Awaitable[None]], **environ: str) -> None:
    async def main() -> None:
        async with lab(root, **environ) as one:
            await work(one)

    asyncio.run(main())


def test_T02_without_catch_up_what_was_missed_is_told_and_not_done(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY)
        await one.pass_at(30)
        await one.pass_at(11 * 60 + 30)
        # 12:11:00 is late by 30 s only: it is done
        assert await one.ids() == ["sched-20260302T121100Z"]
        (missed,) = await one.decided("tick")
        assert (missed.kind, missed.reason) == ("missed", "fires.missed")
        assert missed.detail.startswith(
            "10 starts were missed, from 2026-03-02T12:01:00Z to 2026-03-02T12:10:00Z"
        )

    run(tmp_path, work)


def test_T02_with_catch_up_each_is_made_once_in_order_one_at_a_time(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h")
        await one.pass_at(30)
        await one.pass_at(11 * 60 + 30)
        runs = await one.runs()
        assert [each.ref.run_id for each in runs] == [*TEN, "sched-20260302T121100Z"]
        assert [cause_of(each).type for each in runs] == ["catchup"] * 10 + ["schedule"]
        assert [cause_of(each).due for each in runs] == [NOON + 60 * number for number in range(1, 12)]
        assert '"DATA_INTERVAL_START": "2026-03-02T12:00:00Z"' in runs[0].extra[ENV]
        assert '"DAG_RUN_SCHEDULED_TIME": "2026-03-02T12:01:00Z"' in runs[0].extra[ENV]
        # the live one joins the batch, and all come one after the other
        assert await one.drain() == [*TEN, "sched-20260302T121100Z"]

    run(tmp_path, work)


@pytest.mark.parametrize(("window", "made"), [("3m", 2), ("30s", 0)])
def test_what_lies_beyond_the_window_is_told(tmp_path: Path, window: str, made: int) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + f"catchUp: {{mode: all, window: {window}}}")
        await one.pass_at(30)
        await one.pass_at(10 * 60 + 59 - 20)
        live = ["sched-20260302T121000Z"]
        assert await one.ids() == [*TEN[9 - made : 9], *live]
        (told,) = await one.decided("tick")
        last = f"2026-03-02T12:0{9 - made}:00Z (longer ago than the window of catch-up)"
        assert (told.kind, told.reason) == ("missed", "fires.missed")
        assert told.detail == f"{9 - made} starts were missed, from 2026-03-02T12:01:00Z to {last}"

    run(tmp_path, work)


@pytest.mark.parametrize("rule", ["", "\ncatchupWindow: 6h"])
def test_stops_that_were_missed_are_told(tmp_path: Path, rule: str) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", 'schedule: {stop: "*/5 * * * *", restart: "7 * * * *"}' + rule)
        await one.pass_at(30)
        await one.pass_at(12 * 60 + 30)
        assert await one.ids() == []
        assert sorted(each.detail for each in await one.decided("tick")) == [
            "1 restart was missed, from 2026-03-02T12:07:00Z to 2026-03-02T12:07:00Z",
            "2 stops were missed, from 2026-03-02T12:05:00Z to 2026-03-02T12:10:00Z",
        ]

    run(tmp_path, work)


def test_the_latest_alone(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchUp: {mode: latest, window: 6h}")
        await one.pass_at(30)
        await one.pass_at(10 * 60 + 59)
        assert await one.ids() == ["sched-20260302T120900Z", "sched-20260302T121000Z"]
        (told,) = await one.decided("tick")
        assert told.kind == "missed" and told.detail.startswith("8 starts")

    run(tmp_path, work)


def test_more_than_may_be_caught_up_is_told(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchUp: {window: 6h, maxRuns: 3}")
        await one.pass_at(30)
        await one.pass_at(11 * 60 + 30)
        assert await one.ids() == [*TEN[-3:], "sched-20260302T121100Z"]
        (told,) = await one.decided("tick")
        assert (told.kind, told.reason) == ("truncated", "catchup")
        assert told.detail.startswith(
            "7 starts were missed, from 2026-03-02T12:01:00Z to 2026-03-02T12:07:00Z"
        )

    run(tmp_path, work)


def test_a_leader_that_dies_in_the_middle_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h")
        await one.pass_at(30)
        one.clock.at = NOON + 11 * 60 + 30
        left = 5  # the first one is asked for the whole batch

        async def sure() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise LostOwnership

        async with candidate(one.app) as scheduler:
            scheduler.leadership.sure = sure  # type: ignore[method-assign]
            with pytest.raises(LostOwnership):
                await scheduler.one_pass()
        assert len(await one.ids()) == 4
        await one.pass_at(11 * 60 + 31)
        assert await one.ids() == [*TEN, "sched-20260302T121100Z"]

    run(tmp_path, work)


def test_an_edited_or_new_schedule_fires_nothing_old(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", 'schedule: "0 * * * *"\ncatchupWindow: 6h')
        await one.pass_at(30)
        one.write("tick", 'schedule: "30 * * * *"\ncatchupWindow: 6h')
        one.write("new", 'schedule: "0,30 * * * *"\ncatchupWindow: 6h')
        await one.pass_at(100 * 60)
        assert await one.ids() == [] and await one.decided("tick") == []
        await one.pass_at(111 * 60)
        # 13:30 was before it was seen, 14:00 is to come
        assert await one.ids() == []

    run(tmp_path, work)


def test_what_is_excluded_is_not_caught_up(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        text = """
            schedule:
              start: "* * * * *"
              exclude: [{between: "12:03-12:06"}]
            catchupWindow: 6h
        """
        one.write("tick", text)
        await one.pass_at(30)
        await one.pass_at(11 * 60 + 30)
        assert await one.ids() == [*TEN[:2], *TEN[5:], "sched-20260302T121100Z"]

    run(tmp_path, work)


def test_a_run_from_outside_the_batch_meets_an_explicit_skip(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h\noverlapPolicy: skip")
        await one.pass_at(30)
        await one.pass_at(60)
        (first,) = await one.ids()
        await one.begin(first)
        await one.pass_at(5 * 60 + 30)
        assert await one.ids() == [first]
        assert {each.kind for each in await one.decided("tick")} == {"dropped", "skipped"}
        assert [each.due for each in await one.decided("tick")] == [NOON + 60 * m for m in range(2, 6)]

    run(tmp_path, work)


def test_newest_first(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", 'schedule: "*/10 * * * *"\ncatchUp: {window: 6h, reverse: true}')
        await one.pass_at(30)
        await one.pass_at(35 * 60)
        order = ["sched-20260302T121000Z", "sched-20260302T123000Z", "sched-20260302T122000Z"]
        # the first one was made at once; those that had to wait are turned round
        assert await one.drain() == order

    run(tmp_path, work)


def test_a_suspension_is_no_gap(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h")
        await one.pass_at(30)
        one.app.schedules.suspend("tick")
        await one.pass_at(600)
        one.app.schedules.resume("tick")
        await one.pass_at(601)
        assert await one.ids() == []
        assert [(each.kind, each.reason) for each in await one.decided("tick")] == [("skipped", "suspended")]

    run(tmp_path, work)


def test_a_suspension_is_a_gap_where_the_file_says_so(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchUp: {window: 6h, onUnsuspend: true}")
        await one.pass_at(30)
        one.app.schedules.suspend("tick")
        for minute in (1, 2, 3):
            await one.pass_at(minute * 60)
        assert await one.ids() == []
        one.app.schedules.resume("tick")
        await one.pass_at(3 * 60 + 20)
        assert await one.ids() == TEN[:3]
        await one.pass_at(3 * 60 + 21)
        assert await one.ids() == TEN[:3]

    run(tmp_path, work)


def test_a_damaged_mark_counts_as_now(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h")
        await one.pass_at(30)
        await one.app.store.put("schedule", "passed", "half a number")
        await one.pass_at(10 * 60 + 30)
        assert await one.ids() == [] and await one.decided("tick") == []
        await one.pass_at(11 * 60)
        assert await one.ids() == ["sched-20260302T121100Z"]

    run(tmp_path, work)
