"""`queues.enabled: false`: nothing is put into a queue or taken out of one, and all else begins at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.accepting import accept
from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import Invalid
from dagu_core.model.run.run import RunRef
from tests.unit.engine.queue_desk import Desk

LIST = "queues: {enabled: false, config: [{name: q, maxConcurrency: 1}]}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.config = LIST.replace("false", "true")
    return desk


def test_nothing_is_enqueued_dequeued_or_ordered(desk: Desk) -> None:
    dag = desk.write("queue: q\nsteps: ['true']")
    desk.ask(lambda app: app.runs.enqueue(StartRequest(dag=dag, run_id="before")))
    desk.config = LIST

    async def test(app: App) -> str:
        for refused in (
            app.runs.enqueue(StartRequest(dag=dag, run_id="r")),
            app.runs.dequeue("q"),
            app.runs.dequeue("", RunRef("flow", "before")),
            app.queues.pause("q", "me"),
            app.queues.set_limit("q", 3),
        ):
            with pytest.raises(Invalid, match="queues are disabled"):
                await refused
        return (await app.store.load(RunRef("flow", "before"))).summary.status.label

    assert desk.ask(test) == "queued"


@pytest.mark.parametrize("rule", ["queue: q", "queue: own", "maxActiveRuns: 1"])
def test_what_the_schedule_starts_begins_at_once_whatever_was_ordered(desk: Desk, rule: str) -> None:
    dag = desk.write(f"{rule}\nsteps: ['true']")
    name = rule.removeprefix("queue: ") if rule.startswith("queue") else "flow"
    desk.ask(lambda app: app.queues.pause(name, "me"))
    desk.config = LIST

    async def test(app: App) -> int:
        for number in range(5):
            await accept(app, StartRequest(dag=dag, run_id=f"r{number}", queue="", trigger={"type": "file"}))
        (state,) = await app.store.queues()
        slots = await app.queues.limit_of(name, state.next)
        view = next(view for view in await app.queues.all() if view.name == name)
        assert (view.bound, view.orders.paused) == (None, False)
        return len(await app.store.claim(name, engine="e", host="h", limit=9, slots=slots))

    assert desk.ask(test) == 5


def test_a_queue_that_is_named_is_not_waited_for(desk: Desk) -> None:
    desk.config = LIST
    dag = desk.write("steps: ['true']")

    async def test(app: App) -> str:
        for number in range(2):
            await accept(app, StartRequest(dag=dag, run_id=f"b{number}", queue="q"))
        await app.store.claim("q", engine="e", host="h", slots=9, limit=9)
        request = StartRequest(dag=dag, run_id="r", queue="q")
        view = await asyncio.wait_for(app.runs.start(request), 20)
        return f"{view.summary.status.label} {view.summary.home}"

    assert desk.ask(test) == "succeeded "
