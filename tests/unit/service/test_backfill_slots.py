"""Each slot is run once, whoever asks for it, and what became of it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.backfill import Backfill, shape
from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.app.moments import end_of, instant_of
from dagu_core.base.errors import Invalid, UsageError
from dagu_core.model.status import RunStatus
from dagu_core.service.backfills import BackfillLoop
from tests.unit.service.lab import NOON, Lab, lab

DAILY = "schedule: '0 9 * * *'\n"


def run(root: Path, work: Callable[[Lab], Awaitable[None]], **environ: str) -> None:
    async def main() -> None:
        async with lab(root, **environ) as one:
            await work(one)

    asyncio.run(main())


def week(**more: object) -> BackfillRequest:
    return BackfillRequest("daily", instant_of("2026-01-01"), end_of("2026-01-05"), **more)  # type: ignore[arg-type]


async def sure() -> None:
    """The one that leads."""


async def finish(one: Lab, status: RunStatus = RunStatus.SUCCEEDED) -> None:
    """Let all backfills come to their ends."""
    loop = BackfillLoop(one.app, sure)
    while await loop.step():
        for run_id in await one.active():
            await one.end(run_id, status)


async def two(one: Lab, **more: object) -> list[Backfill]:
    """The same backfill twice, one a second after the other."""
    first = await one.app.backfills.create(week(**more))
    one.clock.at += 1
    return [first, await one.app.backfills.create(week(**more))]


async def counts(one: Lab, backfill: Backfill) -> tuple[str, int, int, int]:
    now = await one.app.backfills.get(backfill.id)
    return now.state, now.made, now.existing, now.refused


async def together(one: Lab, *backfills: Backfill) -> dict[str, int]:
    """What became of the slots of several backfills."""
    shapes = [shape(await one.app.backfills.get(each.id)) for each in backfills]
    assert {each["state"] for each in shapes} == {"done"}
    return {key: sum(each[key] for each in shapes) for key in ("made", "existing", "refused")}


async def outcomes(one: Lab, backfill: Backfill) -> list[tuple[str, str, str]]:
    found = await one.app.backfills.results(await one.app.backfills.get(backfill.id))
    return [(slot.outcome, slot.run_id.split("-")[1] if slot.run_id else "", slot.status) for slot in found]


def test_two_backfills_of_the_same_days_make_each_run_once(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        first, second = await two(one, max_active=2)
        await finish(one)
        days = {run_id.rpartition("-")[2] for run_id in await one.ids()}
        assert len(await one.ids()) == len(days) == 5
        assert await together(one, first, second) == {"made": 5, "existing": 5, "refused": 0}
        mine, theirs = await outcomes(one, first), await outcomes(one, second)
        assert mine[0] == ("made", first.id, "succeeded") and theirs[0] == ("exists", first.id, "succeeded")
        assert [slot[1:] for slot in mine] == [slot[1:] for slot in theirs]

    run(tmp_path, work)


def test_runs_that_came_after_the_creation_count(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", f"{DAILY}catchUp: {{mode: all, window: 30d}}\n")
        one.clock.at = instant_of("2026-01-01")
        await one.pass_at(one.clock.at - NOON)  # the scheduler knows the DAG from here on
        one.clock.at = instant_of("2026-01-06")
        made = await one.app.backfills.create(week())
        await one.pass_at(one.clock.at - NOON)  # catches up the same days
        assert len(await one.ids()) == 5
        await one.let_go()
        await one.drain()
        await finish(one)
        assert len(await one.ids()) == 5 and await counts(one, made) == ("done", 0, 5, 0)

    run(tmp_path, work)


@pytest.mark.parametrize("policy", ["skip", "allow"])
def test_a_scheduler_leaves_out_what_a_backfill_has_made(tmp_path: Path, policy: str) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", f"{DAILY}overlapPolicy: {policy}\n")
        due = instant_of("2026-03-03T09:00:00Z")
        await one.pass_at(due - NOON - 60)
        one.clock.at = due + 1
        made = await one.app.backfills.create(BackfillRequest("daily", due, due))
        await finish(one)
        await one.pass_at(due - NOON + 2)  # late, but not missed
        assert await one.ids() == [made.run_id(due)]

    run(tmp_path, work)


def test_a_crash_between_the_run_and_its_note_counts_the_run_as_made(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        made = await one.app.backfills.create(week())
        covered = await one.app.backfills.covered(made)
        assert await one.app.backfills.settle(made, 0, covered) == "made"
        await finish(one)  # the next leader begins with the same slot
        assert await counts(one, made) == ("done", 5, 0, 0) and len(await one.ids()) == 5

    run(tmp_path, work)


def test_failed_runs_are_made_again_once_and_by_request_always(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", DAILY)
        await one.app.backfills.create(week())
        await finish(one, RunStatus.FAILED)
        again = await two(one, reprocess="failed")
        await finish(one)
        assert await together(one, *again) == {"made": 5, "existing": 5, "refused": 0}
        every = await one.app.backfills.create(week(reprocess="all"))
        await finish(one)
        assert await counts(one, every) == ("done", 5, 0, 0) and len(await one.ids()) == 15

    run(tmp_path, work)


def test_one_run_for_the_whole_stretch_is_made_once_and_stands_for_no_single_day(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("daily", "schedule: '0 0 * * *'\n")
        both = await two(one, single_run=True)
        await finish(one)
        assert [await counts(one, each) for each in both] == [("done", 1, 0, 0), ("done", 0, 1, 0)]
        with pytest.raises(Invalid, match="nothing to do"):
            await one.app.backfills.create(week(single_run=True))
        days = await one.app.backfills.create(week())
        await finish(one)
        assert await counts(one, days) == ("done", 5, 0, 0)

    run(tmp_path, work)


def test_a_refused_slot_is_no_run_and_everybody_is_told(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        path = one.write("daily", DAILY)
        made = await one.app.backfills.create(week(use_latest=True))
        path.write_text("steps: 7\n", "utf-8")
        await finish(one)
        assert await counts(one, made) == ("done", 0, 0, 5) and await one.ids() == []
        (first, *_) = await one.app.backfills.results(made)
        assert first.outcome == "refused" and "steps" in first.reason
        told = await one.decided("daily")
        assert [each.kind for each in told] == ["refused"] * 5
        assert told[0].detail.startswith(f"backfill {made.id}: ") and told[0].due == first.due
        one.write("daily", DAILY)
        again = await one.app.backfills.retry_failed(made.id)
        await finish(one)
        assert await counts(one, again) == ("done", 5, 0, 0)

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"queue": "a/b"}, UsageError, "queue name 'a/b'"),
        ({"queue": "zz"}, UsageError, "unknown queue 'zz', known: main"),
        ({"params": "DAY=never"}, Invalid, "DAY"),
    ],
)
def test_what_no_run_could_have_is_refused_at_once(
    tmp_path: Path, more: dict[str, object], error: type[Invalid], told: str
) -> None:
    (tmp_path / "config.yaml").write_text(
        "queues: {strict: true, config: [{name: main, maxConcurrency: 1}]}\n"
    )

    async def work(one: Lab) -> None:
        one.write("daily", f"{DAILY}queue: main\nparams:\n  schema: days.json\n  values: {{DAY: mon}}\n")
        schema = '{"type": "object", "properties": {"DAY": {"enum": ["mon", "tue"]}}}'
        (tmp_path / "dags" / "days.json").write_text(schema)
        with pytest.raises(error, match=told):
            await one.app.backfills.create(week(**more))
        assert await one.app.backfills.all() == []

    run(tmp_path, work)


def test_queue_priority_and_params_of_its_runs(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        line = "{expression: '0 9 * * *', queue: of_line, priority: 4, params: {DAY: mon}}"
        loop = BackfillLoop(one.app, sure)
        for schedule, more, expected in (
            ("'0 9 * * *'", {}, ("own", 3, "DAY=sun")),
            (line, {}, ("of_line", 4, "DAY=mon")),
            (line, {"queue": "late", "priority": 7, "params": "DAY=tue"}, ("late", 7, "DAY=tue")),
        ):
            one.write("daily", f"schedule: [{schedule}]\nqueue: own\nparams: DAY=sun")
            await one.app.backfills.create(week(reprocess="all", max_active=9, **more))
            await loop.step()
            for run_id in await one.active():
                await one.end(run_id)
            newest = max(await one.runs(), key=lambda each: each.created_at)
            assert (newest.queue, newest.priority, newest.params_given) == expected
            one.clock.at += 1

    run(tmp_path, work)
