"""A start that meets active runs: skipped, queued, replaced, or side by side; told in each case."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.queue_rules import UNLIMITED
from dagu_core.app.requests import StartRequest
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus
from tests.unit.service.lab import NOON, Lab, lab

EVERY_2 = 'schedule: "*/2 * * * * *"\n'
IDS = [f"sched-20260302T1200{second:02}Z" for second in (2, 4, 6, 8, 10)]


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            await work(one)

    asyncio.run(main())


async def fires(one: Lab, times: int = 5) -> None:
    """The first run begins at once and is at work while the others are due."""
    await one.pass_at(0.5)
    for number in range(times):
        await one.pass_at(2 * number + 2)
        if number == 0:
            await one.begin(IDS[0])


def test_skip_makes_one_run_and_tells_of_four(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2)
        await fires(one)
        assert await one.ids() == IDS[:1]
        told = await one.decided("slow")
        assert [(each.kind, each.reason) for each in told] == [("skipped", "overlap")] * 4
        assert all(IDS[0] in each.detail for each in told)

    run(tmp_path, work)


def test_queue_makes_all_of_them_strictly_one_after_the_other(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + "overlapPolicy: queue")
        await fires(one)
        assert await one.ids() == IDS
        assert await one.drain() == IDS

    run(tmp_path, work)


def test_latest_makes_the_first_and_the_last(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + "overlapPolicy: latest")
        await fires(one)
        assert await one.drain() == [IDS[0], IDS[-1]]
        ended = {each.ref.run_id: (each.status, each.reason) for each in await one.runs()}
        assert {ended[each] for each in IDS[1:-1]} == {(RunStatus.ABORTED, "superseded")}
        assert [each.kind for each in await one.decided("slow")] == ["superseded"] * 3

    run(tmp_path, work)


@pytest.mark.parametrize(("policy", "force"), [("cancel", False), ("terminate", True)])
def test_cancel_stops_the_active_run_and_waits_for_its_end(tmp_path: Path, policy: str, force: bool) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + f"overlapPolicy: {policy}")
        await fires(one, times=1)
        for before, after in itertools.pairwise(IDS):
            await one.pass_at(2 * IDS.index(after) + 2)
            ref = next(each.ref for each in await one.runs() if each.ref.run_id == before)
            (signal,) = (await one.app.store.signals([ref]))[ref]
            assert isinstance(signal, StopSignal) and signal.force is force
            assert await one.let_go() == [] and await one.active() == [before]
            await one.end(before, RunStatus.ABORTED)
            assert await one.let_go() == [after]
            await one.begin(after)
        await one.end(IDS[-1])
        statuses = [each.status for each in await one.runs()]
        assert statuses == [RunStatus.ABORTED] * 4 + [RunStatus.SUCCEEDED]

    run(tmp_path, work)


def test_allow_lets_all_run_side_by_side(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + "overlapPolicy: allow\nmaxActiveRuns: 5")
        await fires(one)
        assert await one.active() == IDS

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("text", "base", "most"),
    [
        ("overlapPolicy: allow", "", UNLIMITED),
        ("overlap: {policy: allow}\nmaxActiveRuns: -1", "", UNLIMITED),
        ("overlapPolicy: allow\nmaxActiveRuns: 5", "", 5),
        ("overlapPolicy: allow", "maxActiveRuns: 3", 3),
        ("overlapPolicy: allow\nmaxActiveRuns: 0", "", 1),
        ("overlapPolicy: queue", "", 1),
        ("maxActiveRuns: -1", "", 1),
    ],
)
def test_runs_that_may_overlap_do_not_wait_for_slots(tmp_path: Path, text: str, base: str, most: int) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + text)
        one.app.settings.paths.base_config.write_text(base)
        ref = (await one.app.runs.enqueue(StartRequest("slow"))).ref
        assert await one.app.queues.limit_of("slow", ref) == most

    run(tmp_path, work)


def test_two_dags_of_a_group_take_turns(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        text = "schedule: '* * * * *'\noverlap: {policy: queue, group: deploy}\n"
        one.write("east", text)
        one.write("west", text)
        await one.pass_at(30)
        await one.pass_at(60)
        await one.pass_at(120)
        assert len(await one.runs()) == 4
        order = []
        while active := [
            each for each in await one.runs() if each.status.is_active and each.engine != "held"
        ]:
            assert len(active) == 1
            order.append(active[0].ref)
            (stored,) = await one.app.store.claim("", engine="e", host="h", ref=active[0].ref)
            assert stored
            from dagu_core.contracts.store import Change
            from dagu_core.model.run.events import RunEnded

            summary = stored.summary
            summary.status, summary.finished_at = RunStatus.SUCCEEDED, one.clock.now()
            await one.app.store.commit(Change(summary, events=[RunEnded(one.clock.now(), summary.status)]))
            await one.let_go()
        assert [ref.run_id for ref in order] == ["sched-20260302T120100Z"] * 2 + [
            "sched-20260302T120200Z"
        ] * 2

    run(tmp_path, work)


def test_a_run_that_waits_for_somebody_is_in_the_way_too(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        from dagu_core.contracts.store import Change

        one.write("slow", EVERY_2)
        await one.pass_at(0.5)
        await one.pass_at(2)
        summary = await one.begin(IDS[0])
        summary.status = RunStatus.WAITING
        await one.app.store.commit(Change(summary))
        await one.pass_at(4)
        assert await one.ids() == IDS[:1]

    run(tmp_path, work)


def test_a_queue_that_is_full_drops_the_newcomer(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("slow", EVERY_2 + "overlap: {policy: queue, maxQueued: 2}")
        await fires(one, times=4)
        assert await one.ids() == IDS[:3]
        (told,) = await one.decided("slow")
        assert (told.kind, told.reason) == ("dropped", "max_queued")

    run(tmp_path, work)


def test_two_lines_for_one_instant_make_one_run(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("twice", "schedule: ['*/5 * * * *', '0 * * * *', '0 13 * * *']\noverlapPolicy: allow")
        await one.pass_at(3590)
        await one.pass_at(3600)
        assert (await one.ids())[-1:] == ["sched-20260302T130000Z"]
        assert len([each for each in await one.ids() if "130000" in each]) == 1

    run(tmp_path, work)


def test_T07_two_lines_for_one_minute_make_one_run(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("twice", "schedule: ['* * * * *', '*/1 * * * *']\noverlapPolicy: allow")
        await one.pass_at(30)
        await one.pass_at(60)
        assert await one.ids() == ["sched-20260302T120100Z"]
        await one.pass_at(61)
        assert await one.ids() == ["sched-20260302T120100Z"]

    run(tmp_path, work)


def test_a_success_since_the_last_start_makes_the_next_needless(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        from dagu_core.app.requests import StartRequest

        path = one.write("twice", "schedule: '* * * * *'\nskipIfSuccessful: true")
        await one.pass_at(30)
        for minute in (1, 2):  # a scheduled success does not make the next start needless
            await one.pass_at(minute * 60)
            await one.end(f"sched-20260302T120{minute}00Z")
        one.clock.at += 20
        await one.app.runs.enqueue(StartRequest(dag=str(path), run_id="by-hand"))
        await one.end("by-hand")
        await one.pass_at(180)
        assert "sched-20260302T120300Z" not in await one.ids()
        (told,) = await one.decided("twice")
        assert told.reason == "successful" and "by-hand" in told.detail
        await one.pass_at(240)
        assert "sched-20260302T120400Z" in await one.ids()

    run(tmp_path, work)


def test_stop_and_restart(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        text = "schedule: {start: '0 12 * * *', stop: '10 * * * *', restart: '20 * * * *'}\nrestartWaitSec: 5"
        path = one.write("flow", text)
        await one.pass_at(-30)
        await one.pass_at(0)
        await one.begin("sched-20260302T120000Z")
        await one.pass_at(600)
        ref = (await one.runs())[0].ref
        assert (await one.app.store.signals([ref]))[ref]
        path.write_text(path.read_text().replace("'true'", "'false'"))
        await one.pass_at(1200)
        assert (await one.app.store.signals([ref]))[ref]
        assert await one.let_go() == []
        await one.end("sched-20260302T120000Z", RunStatus.ABORTED)
        assert await one.let_go() == []
        one.clock.at += 5
        assert await one.let_go() == ["restart-20260302T122000Z"]
        again = next(each for each in await one.runs() if each.ref.run_id.startswith("restart"))
        # the same definition again, whatever the file says by now
        assert again.definition == (await one.app.store.load(ref)).summary.definition
        await one.end("restart-20260302T122000Z")
        await one.pass_at(4200)
        assert [(each.kind, each.reason) for each in await one.decided("flow")] == [
            ("skipped", "not_running")
        ]

    run(tmp_path, work)


@pytest.mark.parametrize("policy", ["skip", "queue"])
def test_starts_by_hand_obey_where_the_file_says_so(tmp_path: Path, policy: str) -> None:
    async def work(one: Lab) -> None:
        from dagu_core.app.requests import StartRequest
        from dagu_core.base.errors import AlreadyRunning

        path = str(one.write("flow", f"overlap: {{policy: {policy}, includeManual: true}}"))
        await one.app.runs.enqueue(StartRequest(dag=path, run_id="first"))
        second = StartRequest(dag=path, run_id="second")
        with pytest.raises(AlreadyRunning, match="first is active"):
            await one.app.runs.start(second)
        if policy == "skip":
            with pytest.raises(AlreadyRunning, match="first is active"):
                await one.app.runs.enqueue(second)
        else:
            await one.app.runs.enqueue(second)
            assert await one.drain() == ["first", "second"]

    run(tmp_path, work)


def test_all_that_is_not_done_at_one_instant_is_told(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("a", 'schedule: {start: "1 12 * * *", stop: "1 12 * * *", restart: "1 12 * * *"}')
        one.write(
            "b", 'schedule: {start: "1 12 * * *", restart: "1 12 * * *", exclude: {cron: "1 12 * * *"}}'
        )
        await one.pass_at(0)
        for _ in range(2):  # the second time by a leader whose clock was set back
            await one.pass_at(60)
            await one.app.store.put("schedule", "passed", NOON)
        about_a, about_b = await one.decided("a"), await one.decided("b")
        assert sorted(each.detail for each in about_a) == [
            "nothing to restart: no run is running",
            "nothing to stop: no run is running",
        ]
        why = "excluded: cron 1 12 * * *"
        assert sorted(each.detail for each in about_b) == [why, f"no restart: {why}"]

    run(tmp_path, work)
