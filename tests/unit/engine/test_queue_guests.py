"""Runs that are sent to another queue than that of their DAG stay within its `maxActiveRuns`, and a strict
list of queues binds sub-DAG runs as well."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import Standing, StartRequest
from dagu_core.contracts.store import RunQuery
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus
from tests.unit.engine.queue_desk import Desk, work_off

WORK = "steps: [{name: a, command: \"printf '+ ' >> LEDGER; sleep 0.4; printf -- '- ' >> LEDGER\"}]"
WIDE = "queues: {config: [{name: wide, maxConcurrency: 3}, {name: broad, maxConcurrency: 3}]}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.config = WIDE
    return desk


async def enqueue(app: App, dag: str, count: int, queue: str = "wide", first: int = 0) -> list[RunSummary]:
    requests = [StartRequest(dag=dag, run_id=f"r{n}", queue=queue) for n in range(first, first + count)]
    return [await app.runs.enqueue(each) for each in requests]


async def all_succeeded(app: App, count: int) -> None:
    await asyncio.wait_for(work_off(app), 20)
    runs = await app.store.find(RunQuery(roots_only=False))
    assert [one.status for one in runs] == [RunStatus.SUCCEEDED] * count
    assert await app.store.queues() == []


@pytest.mark.parametrize(
    ("rule", "most"),
    [
        ("", 1),
        ("maxActiveRuns: 1", 1),
        ("maxActiveRuns: 2", 2),
        ("maxActiveRuns: -1", 3),
        ("queue: shared\nmaxActiveRuns: 2", 2),
        ("queue: broad\nmaxActiveRuns: 1", 3),
    ],
)
def test_a_queue_override_does_not_loosen_max_active_runs(desk: Desk, rule: str, most: int) -> None:
    dag = desk.write(f"{rule}\n{WORK}")

    async def test(app: App) -> None:
        await enqueue(app, dag, 6)
        await all_succeeded(app, 6)

    desk.ask(test)
    assert desk.most_at_once() == most


def test_runs_at_home_and_elsewhere_are_counted_together(desk: Desk) -> None:
    dag = desk.write(WORK)

    async def test(app: App) -> None:
        await enqueue(app, dag, 3)
        await enqueue(app, dag, 3, queue="", first=3)
        await all_succeeded(app, 6)

    desk.ask(test)
    assert desk.most_at_once() == 1


def test_what_waits_for_a_slot_at_home_says_so(desk: Desk) -> None:
    dag = desk.write(WORK)

    async def test(app: App) -> list[Any]:
        await enqueue(app, dag, 2)
        await app.store.claim("wide", engine="e", host="h", slots=3, limit=9)
        _, places = await app.queues.show("wide")
        views = {view.name: (view.running, view.limit) for view in await app.queues.all()}
        return [views["wide"], views["flow"], *(place.reason for place in places)]

    why = "waits for a slot of queue flow (1 of 1 in use by flow:r0), which is the one of its DAG"
    assert desk.ask(test) == [(1, 3), (1, 1), why]


def test_a_run_that_moves_becomes_a_guest_and_comes_home_again(desk: Desk) -> None:
    dag = desk.write(WORK)

    async def test(app: App) -> list[tuple[str, int]]:
        (run,) = await enqueue(app, dag, 1, queue="")
        found = [run]
        for queue in ("wide", "flow", "broad"):
            found.append(await app.queues.move(run.ref, queue))
        await all_succeeded(app, 1)
        return [(one.home, one.home_slots) for one in found]

    assert desk.ask(test) == [("", 0), ("flow", 1), ("", 0), ("flow", 1)]


def test_a_retry_stays_a_guest_until_it_is_sent_home(desk: Desk) -> None:
    dag = desk.write("steps: [{name: a, command: 'false'}]")

    async def test(app: App) -> list[tuple[str, str]]:
        await enqueue(app, dag, 1)
        await asyncio.wait_for(work_off(app), 20)
        again = await app.runs.retry("flow", "r0")
        home = await app.runs.retry("flow", "r0", line=Standing("flow"))
        return [(view.summary.queue, view.summary.home) for view in (again, home)]

    assert desk.ask(test) == [("wide", "flow"), ("flow", "")]


def test_a_child_whose_step_names_a_queue_stays_within_its_own(desk: Desk) -> None:
    steps = "".join(f"  - {{name: s{n}, call: kid, queue: wide}}\n" for n in range(3))
    dag = desk.write(f"queue: broad\ntype: graph\nsteps:\n{steps}---\nname: kid\nqueue: own\n{WORK}\n")

    async def test(app: App) -> None:
        await enqueue(app, dag, 1, queue="")
        await all_succeeded(app, 4)

    desk.ask(test)
    assert desk.most_at_once() == 1


@pytest.mark.parametrize(
    ("step", "kid"), [("{name: a, call: kid, queue: typo}", ""), ("{name: a, call: kid}", "queue: typo\n")]
)
def test_a_strict_list_binds_sub_dag_runs(desk: Desk, step: str, kid: str) -> None:
    desk.config = WIDE.replace("{config", "{strict: true, config")
    dag = desk.write(f"queue: wide\nsteps: [{step}]\n---\nname: kid\n{kid}steps: ['true']\n")

    async def test(app: App) -> tuple[int, str]:
        view = await app.runs.start(StartRequest(dag=dag, run_id="r"))
        return len(await app.store.find(RunQuery(roots_only=False))), view.steps[0].error

    runs, error = desk.ask(test)
    assert runs == 1
    assert "unknown queue 'typo', known: broad, wide" in error
