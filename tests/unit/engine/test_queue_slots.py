"""Sub-DAG runs wait for slots of queues, and parents give theirs back: with a real engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import Standing, StartRequest
from dagu_core.app.views import RunView
from dagu_core.contracts.store import RunQuery
from dagu_core.engine.queue_turn import Waits
from dagu_core.engine.runner import Runner
from dagu_core.model.run.events import Event, Noted
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from tests.unit.engine.queue_desk import Desk, work_off

KID = """
---
name: kid
queue: q
params: "N=0"
steps:
  - name: work
    command: printf '+%s ' $N >> LEDGER; sleep 0.15; printf -- '-%s ' $N >> LEDGER
"""
PARENT = """
queue: q
type: graph
steps:
  - {name: a, call: kid, params: "N=1"}
  - {name: b, call: kid, params: "N=2"}
  - {name: c, call: kid, params: "N=3"}
  - {name: d, command: "printf 'd ' >> LEDGER", depends: [a, b, c]}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def statuses(app: App) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in await app.store.find(RunQuery(roots_only=False)):
        found[one.status.label] = found.get(one.status.label, 0) + 1
    return found


def test_a_parent_and_its_children_share_a_queue_of_one_without_a_deadlock(desk: Desk) -> None:
    dag = desk.write(PARENT + KID)

    async def test(app: App) -> dict[str, int]:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r1"))
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r2"))
        await asyncio.wait_for(work_off(app), 20)
        assert await app.store.queues() == []
        return await statuses(app)

    assert desk.ask(test) == {"succeeded": 8}
    assert desk.most_at_once() == 1
    assert len(desk.lines()) == 14


def test_a_run_begun_by_hand_counts_but_does_not_wait(desk: Desk) -> None:
    dag = desk.write(PARENT + KID)

    async def test(app: App) -> list[RunView]:
        starts = (app.runs.start(StartRequest(dag=dag, run_id=f"r{n}")) for n in range(2))
        return await asyncio.wait_for(asyncio.gather(*starts), 20)

    assert [view.summary.status.label for view in desk.ask(test)] == ["succeeded"] * 2
    assert desk.most_at_once() == 1


def test_children_without_a_queue_work_in_the_slot_of_their_parent(desk: Desk) -> None:
    text = (PARENT + KID).replace("name: kid\nqueue: q", "name: kid")
    dag = desk.write(text)

    async def test(app: App) -> None:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r1"))
        await asyncio.wait_for(work_off(app), 20)
        kids = await app.store.find(RunQuery(dag="kid", roots_only=False))
        assert [kid.holds_slot for kid in kids] == [False] * 3
        assert (await app.store.load(RunRef("flow", "r1"))).summary.holds_slot

    desk.ask(test)
    assert desk.most_at_once() == 3


def test_the_slot_is_given_back_through_a_child_that_has_none(desk: Desk) -> None:
    middle = "\n---\nname: middle\nsteps: [{name: m, call: kid}]\n"
    dag = desk.write("queue: q\nsteps: [{name: a, call: middle}]\n" + middle + KID)

    async def test(app: App) -> dict[str, int]:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r1"))
        await asyncio.wait_for(work_off(app), 20)
        return await statuses(app)

    assert desk.ask(test) == {"succeeded": 3}


def test_a_parent_that_works_beside_its_child_keeps_its_slot(desk: Desk) -> None:
    dag = desk.write(
        """
queue: q
type: graph
steps:
  - {name: a, call: kid, params: "N=1"}
  - {name: b, command: "printf '+b ' >> LEDGER; sleep 0.4; printf -- '-b ' >> LEDGER"}
"""
        + KID
    )

    async def test(app: App) -> None:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r1"))
        await asyncio.wait_for(work_off(app), 20)

    desk.ask(test)
    assert desk.lines() == ["+b", "-b", "+1", "-1"]


def test_what_has_begun_goes_before_what_waits(desk: Desk) -> None:
    dag = desk.write(PARENT + KID)
    other = desk.write("queue: q\nsteps: [\"printf 'other ' >> LEDGER\"]\n", "other")

    async def test(app: App) -> None:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r1"))
        for number in range(3):
            await app.runs.enqueue(StartRequest(dag=other, run_id=f"o{number}"))
        await asyncio.wait_for(work_off(app), 20)

    desk.ask(test)
    # One may slip in between the end of the last child and the parent's asking for its slot again.
    last = desk.lines()[6:]
    assert sorted(last) == ["d", "other", "other", "other"] and last.index("d") <= 1


def test_a_step_may_name_the_queue_of_its_sub_dag(desk: Desk) -> None:
    text = (PARENT + KID).replace("queue: q\n", "").replace("call: kid,", 'call: kid, queue: "${WHERE}",')
    dag = desk.write("env: [WHERE: narrow]\n" + text)
    desk.config = "queues: {config: [{name: narrow, maxConcurrency: 2}]}"

    async def test(app: App) -> set[str]:
        await app.runs.start(StartRequest(dag=dag, run_id="r1"))
        return {one.queue for one in await app.store.find(RunQuery(dag="kid", roots_only=False))}

    assert desk.ask(test) == {"narrow"}
    assert desk.most_at_once() == 2


def test_a_waiting_child_tells_what_it_waits_for_and_ends_with_its_parent(desk: Desk) -> None:
    dag = desk.write("steps: [{name: a, call: kid}]\n" + KID)
    notes: list[str] = []

    async def test(app: App) -> None:
        await app.queues.pause("q", "alice", "SFTP down")
        waits = asyncio.Event()

        def watch(view: RunView, event: Event) -> None:
            if isinstance(event, Noted) and event.code == "queue.waits":
                notes.append(event.message)
                waits.set()

        run = asyncio.create_task(app.runs.start(StartRequest(dag=dag, run_id="r"), watch))
        await asyncio.wait_for(waits.wait(), 10)
        (kid,) = await app.store.find(RunQuery(dag="kid", roots_only=False))
        assert kid.status is RunStatus.QUEUED
        (reason,) = await app.history.why("kid", kid.ref.run_id)
        paused = "queue q is paused by alice: SFTP down"
        assert reason.sentence == f"position 1 of 1 in queue q, priority 5: {paused}"
        await app.runs.stop("flow", "r")
        view = await asyncio.wait_for(run, 10)
        assert view.summary.status is RunStatus.ABORTED
        assert (await app.store.load(kid.ref)).summary.status is RunStatus.ABORTED

    desk.ask(test)
    assert len(notes) == 1 and notes[0].endswith("queue q is paused by alice: SFTP down")
    assert desk.lines() == []


def test_a_child_that_is_taken_out_of_its_queue_ends_the_step(desk: Desk) -> None:
    dag = desk.write("steps: [{name: a, call: kid}]\n" + KID)

    async def test(app: App) -> str:
        await app.queues.pause("q", "alice")
        run = asyncio.create_task(app.runs.start(StartRequest(dag=dag, run_id="r")))
        while not (kids := await app.store.find(RunQuery(dag="kid", roots_only=False))):
            await asyncio.sleep(0.02)
        await app.runs.dequeue("q", kids[0].ref)
        view = await asyncio.wait_for(run, 10)
        return view.steps[0].error

    assert "failed with status: aborted" in desk.ask(test)


def test_a_start_that_names_a_queue_takes_its_turn(desk: Desk) -> None:
    dag = desk.write("name: kid\nmaxActiveRuns: 5" + KID.partition("name: kid")[2])

    async def test(app: App) -> list[RunView]:
        starts = (app.runs.start(StartRequest(dag=dag, run_id=f"r{n}", queue="narrow")) for n in range(5))
        return await asyncio.wait_for(asyncio.gather(*starts), 30)

    views = desk.ask(test)
    assert {view.summary.status for view in views} == {RunStatus.SUCCEEDED}
    assert {view.summary.queue for view in views} == {"narrow"}
    assert desk.most_at_once() == 1


def test_a_signal_that_comes_before_a_start_waits_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    dag = desk.write("name: kid\nmaxActiveRuns: 5" + KID.partition("name: kid")[2])
    turn = Waits.turn

    async def told_before(self: Waits, runner: Runner, *rest: Any) -> Any:
        runner.interrupt("SIGINT")
        return await turn(self, runner, *rest)

    async def test(app: App) -> RunView:
        await app.queues.pause("narrow", "alice")
        monkeypatch.setattr(Waits, "turn", told_before)
        start = app.runs.start(StartRequest(dag=dag, run_id="r", queue="narrow"))
        return await asyncio.wait_for(start, 30)

    assert desk.ask(test).summary.status is RunStatus.ABORTED


def test_a_retry_stays_in_its_queue_unless_it_is_told_otherwise(desk: Desk) -> None:
    dag = desk.write("queue: own\nsteps: [{name: a, command: exit 1}]\n")

    async def test(app: App) -> None:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r", queue="backlog", priority=7))
        await asyncio.wait_for(work_off(app), 20)
        view = await app.runs.retry("flow", "r")
        shape = view.brief()
        assert (shape["queue"], shape["queueOverridden"], shape["priority"]) == ("backlog", True, 7)
        await app.runs.retry("flow", "r", line=Standing("third", 2))
        summary = (await app.store.load(RunRef("flow", "r"))).summary
        assert (summary.queue, summary.priority) == ("third", 2)

    desk.ask(test)


def test_a_child_that_is_retried_waits_for_a_slot_again(desk: Desk) -> None:
    dag = desk.write(
        """
queue: q
steps:
  - {name: a, call: kid, retryPolicy: {limit: 1, intervalSec: 0}}
---
name: kid
queue: q
steps:
  - name: work
    command: printf '+k ' >> LEDGER; sleep 0.1; printf -- '-k ' >> LEDGER; test $(wc -w < LEDGER) -gt 2
"""
    )

    async def test(app: App) -> dict[str, int]:
        await app.runs.enqueue(StartRequest(dag=dag, run_id="r"))
        await asyncio.wait_for(work_off(app), 20)
        return await statuses(app)

    assert desk.ask(test) == {"succeeded": 2}
    assert desk.lines() == ["+k", "-k"] * 2
