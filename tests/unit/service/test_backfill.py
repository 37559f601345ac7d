"""Runs of the past: the right instants, each once, a few at a time, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.backfill import Backfill
from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.app.moments import end_of, instant_of
from dagu_core.base.errors import Conflict, Invalid, LostOwnership
from dagu_core.model.run.run import ENV
from dagu_core.model.status import RunStatus
from dagu_core.service.backfills import BackfillLoop
from tests.unit.service.lab import Lab, lab

DAILY = "schedule: '0 9 * * *'\n"


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            await work(one)

    asyncio.run(main())


def january(dag: str = "daily", **more: object) -> BackfillRequest:
    return BackfillRequest(dag, instant_of("2026-01-01"), end_of("2026-01-31"), **more)  # type: ignore[arg-type]


async def sure() -> None:
    """The one that leads."""


async def finish(one: Lab, backfill: Backfill, status: RunStatus = RunStatus.SUCCEEDED, most: int = 1) -> int:
    """Let the loop go on to the end; the most runs that were active at once."""
    loop, seen = BackfillLoop(one.app, sure), 0
    while await loop.step():
        active = await one.active()
        seen = max(seen, len(active))
        for run_id in active:
            await one.end(run_id, status)
    assert (await one.app.backfills.get(backfill.id)).state == "done"
    return seen


def test_the_instants_of_a_month_are_told_and_nothing_is_created(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        _, found = await one.app.backfills.preview(january())
        assert [each.due for each in found] == [
            instant_of(f"2026-01-{day:02}T09:00:00Z") for day in range(1, 32)
        ]
        assert found[0].start == instant_of("2025-12-31T09:00:00Z")
        assert await one.app.backfills.all() == []

    run(tmp_path, work)


@pytest.mark.parametrize("most", [1, 2])
def test_never_more_are_active_than_may_be(tmp_path: Path, most: int) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        made = await one.app.backfills.create(january(max_active=most))
        assert await finish(one, made) == most
        runs = await one.runs()
        assert len(runs) == 31 and {each.status for each in runs} == {RunStatus.SUCCEEDED}
        env = runs[0].extra[ENV]
        assert '"DATA_INTERVAL_START": "2025-12-31T09:00:00Z"' in env
        assert f'"DAG_RUN_BACKFILL_ID": "{made.id}"' in env and '"DAG_RUN_TRIGGER": "backfill"' in env
        assert runs[0].ref.run_id == f"backfill-{made.id}-20260101T090000Z"

    run(tmp_path, work)


def test_a_leader_that_dies_at_the_tenth_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        made = await one.app.backfills.create(january(max_active=31))
        change, count = one.app.backfills.change, 0

        async def dies(*words: object) -> Backfill:
            nonlocal count
            count += 1
            if count == 10:  # the run is there, the note of it is not
                raise LostOwnership
            return await change(*words)  # type: ignore[arg-type]

        one.app.backfills.change = dies  # type: ignore[method-assign]
        with pytest.raises(LostOwnership):
            await BackfillLoop(one.app, sure).step()
        one.app.backfills.change = change  # type: ignore[method-assign]
        assert len(await one.ids()) == 10
        await finish(one, made)
        assert len(await one.ids()) == 31

    run(tmp_path, work)


def test_what_has_run_is_not_done_again_unless_it_is_asked_for(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        made = await one.app.backfills.create(january(max_active=31))
        await BackfillLoop(one.app, sure).step()
        for number, run_id in enumerate(await one.ids()):
            await one.end(run_id, RunStatus.FAILED if number % 10 == 3 else RunStatus.SUCCEEDED)
        await finish(one, made)
        with pytest.raises(Invalid, match="nothing to do"):
            await one.app.backfills.create(january())
        _, failed = await one.app.backfills.preview(january(reprocess="failed"))
        assert len(failed) == 3
        _, every = await one.app.backfills.preview(january(reprocess="all"))
        assert len(every) == 31
        again = await one.app.backfills.retry_failed(made.id)
        assert again.total == 3
        await finish(one, again)
        assert (await one.app.backfills.preview(january(reprocess="failed")))[1] == []

    run(tmp_path, work)


def test_too_many_are_refused_with_both_numbers(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("hourly", "schedule: '0 * * * *'")
        with pytest.raises(Invalid, match="744 runs are more than the 100 allowed; nothing was created"):
            await one.app.backfills.create(january("hourly"))
        assert await one.app.backfills.all() == [] and await one.ids() == []

    run(tmp_path, work)


def test_newest_first_and_a_day_with_a_changed_clock(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("nightly", "schedule: '30 2 * * *'\ntimezone: Europe/Berlin")
        request = BackfillRequest("nightly", instant_of("2025-03-29"), end_of("2025-03-31"), order="desc")
        _, found = await one.app.backfills.preview(request)
        assert [each.due for each in found] == [
            instant_of(text)
            for text in ("2025-03-31T00:30:00Z", "2025-03-30T01:00:00Z", "2025-03-29T01:30:00Z")
        ]

    run(tmp_path, work)


@pytest.mark.parametrize("latest", [False, True])
def test_an_edit_midway_changes_nothing_unless_it_may(tmp_path: Path, latest: bool) -> None:
    async def work(one: Lab) -> None:
        path = one.write("daily", DAILY)
        made = await one.app.backfills.create(january(use_latest=latest))
        loop = BackfillLoop(one.app, sure)
        await loop.step()
        path.write_text(path.read_text().replace("'true'", "'false'"))
        await one.end((await one.ids())[0])
        await finish(one, made)
        definitions = {each.definition for each in await one.runs()}
        assert len(definitions) == (2 if latest else 1)

    run(tmp_path, work)


def test_pause_stops_the_making_and_cancel_ends_it(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        made = await one.app.backfills.create(january())
        loop = BackfillLoop(one.app, sure)
        await loop.step()
        await one.app.backfills.pause(made.id)
        await one.end((await one.ids())[0])
        assert not await loop.step() and len(await one.ids()) == 1
        await one.app.backfills.resume(made.id)
        await loop.step()
        assert len(await one.ids()) == 2
        await one.app.backfills.cancel(made.id, stop_running=True)
        assert not await loop.step()
        assert [each.status for each in await one.runs()] == [RunStatus.SUCCEEDED, RunStatus.ABORTED]
        with pytest.raises(Conflict, match="cancelled"):
            await one.app.backfills.resume(made.id)
        assert await one.app.backfills.progress(made) == {
            "succeeded": 1,
            "aborted": 1,
            "not_started": 31,
        }

    run(tmp_path, work)


def test_one_run_for_the_whole_range_and_steps_without_a_schedule(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("plain", "description: not scheduled")
        with pytest.raises(Invalid, match="no start schedule"):
            await one.app.backfills.preview(january("plain"))
        _, days = await one.app.backfills.preview(january("plain", step=86_400.0))
        assert len(days) == 31
        _, (whole,) = await one.app.backfills.preview(january("plain", step=86_400.0, single_run=True))
        assert (whole.start, whole.end) == (instant_of("2026-01-01"), end_of("2026-01-31"))

    run(tmp_path, work)


def test_entries_without_a_past_and_entries_by_number(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("both", "schedule: ['@every 1h', '0 9 * * *', '0 12 * * 1']")
        _, found = await one.app.backfills.preview(january("both", entry=2))
        assert len(found) == 31
        with pytest.raises(Invalid, match="no past"):
            await one.app.backfills.preview(january("both", entry=1))
        with pytest.raises(Invalid, match="no entry 4"):
            await one.app.backfills.preview(january("both", entry=4))
        _, found = await one.app.backfills.preview(january("both"))
        assert len(found) == 35

    run(tmp_path, work)


def test_a_live_start_is_not_given_up_for_a_backfill(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", "schedule: '*/10 * * * *'")
        await one.pass_at(30)
        request = BackfillRequest("tick", one.clock.at - 7200, one.clock.at)
        made = await one.app.backfills.create(request)
        loop = BackfillLoop(one.app, sure)
        await loop.step()
        (first,) = await one.active()
        await one.pass_at(600)
        assert len(await one.ids()) == 2  # held, not skipped
        await one.end(first)
        await loop.step()
        assert await one.active() == []  # the live one goes first
        assert await one.let_go() == ["sched-20260302T121000Z"]
        await one.end("sched-20260302T121000Z")
        await finish(one, made)

    run(tmp_path, work)
