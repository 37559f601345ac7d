"""Use cases on queues: limits, pauses, order; every change exactly once beside claims."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import Conflict, Invalid, NotFound
from dagu_core.base.settings import Settings
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus

T = TypeVar("T")
Ask = Callable[..., Any]
CONFIG = "queues: {config: [{name: realtime, maxConcurrency: 3}, {name: backlog}]}\n"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Ask an app over one home; `config` is its configuration."""

    def ask(question: Callable[[App], Awaitable[T]], config: str = "") -> T:
        home = tmp_path / "home"
        (home / "dags").mkdir(parents=True, exist_ok=True)
        (home / "config.yaml").write_text(config)
        for name, text in {
            "one": "maxActiveRuns: 4\nsteps: ['true']",
            "named": "queue: realtime\nmaxActiveRuns: 9\nsteps: ['true']",
            "wild": "maxActiveRuns: -1\nsteps: ['true']",
        }.items():
            (home / "dags" / f"{name}.yaml").write_text(text)

        async def main() -> T:
            settings = Settings.load(environ={"DAGU_HOME": str(home), "PATH": "/usr/bin:/bin"})
            async with App.open(settings, discover=False) as app:
                return await question(app)

        return asyncio.run(main())

    return ask


async def enqueue(app: App, run_id: str, dag: str = "one", queue: str = "", priority: int = 5) -> RunRef:
    request = StartRequest(dag=dag, run_id=run_id, queue=queue, priority=priority)
    return (await app.runs.enqueue(request)).ref


async def order(app: App, queue: str) -> list[str]:
    """The ids of what waits, in the order they are claimed; and as `show` tells it, the same."""
    _, places = await app.queues.show(queue)
    assert [place.position for place in places] == list(range(1, len(places) + 1))
    claimed = await app.store.claim(queue, engine="probe", host="h", limit=100)
    shown = [place.summary.ref.run_id for place in places]
    assert [one.summary.ref.run_id for one in claimed] == shown
    return shown


@pytest.mark.parametrize(
    ("dag", "queue", "ordered", "limit"),
    [
        ("one", "", None, 4),
        ("wild", "", None, 1),
        ("named", "", None, 3),
        ("one", "backlog", None, 1),
        ("one", "nowhere", None, 1),
        ("one", "one", None, 4),
        ("named", "", 7, 7),
        ("one", "", 2, 2),
    ],
)
def test_the_limit_of_a_queue(ask: Ask, dag: str, queue: str, ordered: int | None, limit: int) -> None:
    async def test(app: App) -> None:
        ref = await enqueue(app, "r", dag, queue)
        name = (await app.store.load(ref)).summary.queue
        if ordered:
            await app.queues.set_limit(name, ordered)
        assert await app.queues.limit_of(name, ref) == limit
        await app.queues.pause(name, "alice")
        assert await app.queues.limit_of(name, ref) == 0
        assert await app.queues.limit_of(name, ref, begun=True) == limit
        if ordered:
            await app.queues.resume(name)
            await app.queues.set_limit(name, None)
            assert await app.queues.limit_of(name, ref) != ordered

    ask(test, CONFIG)


def test_queues_are_listed_whether_they_are_configured_ordered_or_in_use(ask: Ask) -> None:
    async def test(app: App) -> None:
        await enqueue(app, "r1")
        await enqueue(app, "r2")
        await app.store.claim("one", engine="e", host="h")
        await app.queues.pause("later", "bob", "tests")
        views = {view.name: view for view in await app.queues.all()}
        assert sorted(views) == ["backlog", "later", "one", "realtime"]
        one = views["one"]
        assert (one.limit, one.running, one.waiting, one.configured) == (4, 1, 1, False)
        assert (views["realtime"].limit, views["realtime"].configured) == (3, True)
        assert views["later"].orders.sentence == "paused by bob: tests"
        with pytest.raises(NotFound):
            await app.queues.show("none")

    ask(test, CONFIG)


def test_a_pause_survives_a_restart_and_is_told_to_who_asks(ask: Ask) -> None:
    async def pause(app: App) -> None:
        await enqueue(app, "r1")
        await app.queues.pause("one", "alice", "SFTP down")

    async def look(app: App) -> str:
        (reason,) = await app.history.why("one", "r1")
        return reason.sentence

    ask(pause)
    assert ask(look) == "position 1 of 1 in queue one, priority 5: queue one is paused by alice: SFTP down"
    ask(lambda app: app.queues.resume("one"))
    assert "no runner is there" in ask(look)


def test_who_holds_the_slots_is_named(ask: Ask) -> None:
    async def test(app: App) -> None:
        await enqueue(app, "r1")
        await enqueue(app, "r2")
        await app.queues.set_limit("one", 1)
        await app.store.claim("one", engine="e", host="h", slots=1)
        _, (place,) = await app.queues.show("one")
        assert place.reason == "waits for a slot of queue one (1 of 1 in use by one:r1)"

    ask(test)


def test_a_waiting_run_is_moved_about(ask: Ask) -> None:
    async def test(app: App) -> None:
        refs = {name: await enqueue(app, name, queue="q") for name in "abcdef"}
        high = await enqueue(app, "high", queue="q", priority=7)
        await app.queues.to_front(refs["d"])
        await app.queues.to_back(high)
        await app.queues.before(refs["f"], refs["b"])
        await app.queues.prioritise(refs["e"], 9)
        assert await app.queues.position(refs["e"]) == 1
        assert await order(app, "q") == ["e", "d", "a", "f", "b", "c", "high"]
        assert await app.queues.position(refs["e"]) == 0
        summary = (await app.store.load(refs["f"])).summary
        assert summary.queued_at is not None and summary.queue_place != summary.queued_at

    ask(test)


def test_a_run_moves_to_another_queue_by_its_age_or_to_its_front(ask: Ask) -> None:
    async def test(app: App) -> None:
        old = await enqueue(app, "old", queue="p")
        await enqueue(app, "there", queue="q", priority=8)
        await enqueue(app, "there2", queue="q")
        new = await enqueue(app, "new", queue="p")
        await app.queues.move(old, "q")
        moved = await app.queues.move(new, "q", front=True)
        assert (moved.queue, moved.extra["queueOverridden"]) == ("q", "true")
        assert await order(app, "q") == ["new", "there", "old", "there2"]

    ask(test)


def test_what_has_begun_stays_where_it_is(ask: Ask) -> None:
    async def test(app: App) -> None:
        ref = await enqueue(app, "r")
        await app.store.claim("one", engine="e", host="h")
        for change in (
            app.queues.move(ref, "q"),
            app.queues.to_front(ref),
            app.queues.prioritise(ref, 1),
        ):
            with pytest.raises(Conflict, match="waits in no queue any more: it is running") as caught:
                await change
            assert caught.value.exit_code == 4
        stored = (await app.store.load(ref)).summary
        assert (stored.queue, stored.fence, stored.engine) == ("one", 1, "e")
        with pytest.raises(NotFound):
            await app.queues.move(RunRef("one", "none"), "q")

    ask(test)


def test_a_run_is_named_by_its_id_when_only_one_has_it(ask: Ask) -> None:
    async def test(app: App) -> None:
        ref = await enqueue(app, "r")
        assert await app.queues.waiting_run("r") == await app.queues.waiting_run("one:r") == ref
        await enqueue(app, "r", "wild")
        with pytest.raises(Invalid, match="several"):
            await app.queues.waiting_run("r")
        with pytest.raises(NotFound):
            await app.queues.waiting_run("none")

    ask(test)


@pytest.mark.parametrize("config", ["", CONFIG + "  strict: true\n"])
def test_unknown_queues_are_refused_when_that_is_asked_for(ask: Ask, config: str) -> None:
    config = "queues: {strict: true, config: [{name: realtime}, {name: backlog}]}" if config else ""

    async def test(app: App) -> None:
        ref = await enqueue(app, "r", queue="realtime")
        await enqueue(app, "own")
        if not config:
            await enqueue(app, "x", queue="typo")
            await app.queues.move(ref, "typo")
            return
        for refused in (
            enqueue(app, "x", queue="typo"),
            app.queues.move(ref, "typo"),
            app.queues.pause("typo", "me"),
            app.runs.start(StartRequest(dag="one", run_id="y", queue="typo")),
        ):
            with pytest.raises(Invalid, match="unknown queue 'typo', known: backlog, realtime"):
                await refused

    ask(test, config)


@pytest.mark.parametrize("name", ["a b", "x" * 41, "../q", ""])
def test_a_queue_has_a_name_like_a_dag(ask: Ask, name: str) -> None:
    async def test(app: App) -> None:
        with pytest.raises(Invalid, match="queue name"):
            await app.queues.pause(name, "me")

    ask(test)


def test_many_orders_at_once_are_all_heard(ask: Ask) -> None:
    async def test(app: App) -> None:
        orders = (app.queues.set_limit("q", 4), app.queues.pause("q", "me"), app.queues.set_limit("q", 4))
        await asyncio.gather(*orders)
        found = await app.queues.orders_of("q")
        assert (found.paused, found.max_concurrency) == (True, 4)
        with pytest.raises(Invalid):
            await app.queues.set_limit("q", 0)

    ask(test)


def test_a_hundred_moves_beside_claims_lose_and_double_nothing(ask: Ask) -> None:
    chance = random.Random(11)
    moved: list[str] = []
    taken: list[str] = []

    async def test(app: App) -> None:
        refs = [await enqueue(app, f"r{n}", queue="p") for n in range(60)]

        async def mover() -> None:
            for _ in range(25):
                ref = chance.choice(refs)
                try:
                    await app.queues.move(ref, chance.choice("pq"), front=chance.random() < 0.5)
                    moved.append(ref.run_id)
                except Conflict:
                    continue

        async def claimer() -> None:
            while len(taken) < len(refs):
                for queue in "pq":
                    for one in await app.store.claim(queue, engine="e", host="h"):
                        assert one.summary.queue == queue
                        taken.append(one.summary.ref.run_id)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(asyncio.gather(claimer(), *(mover() for _ in range(4))), 25)
        assert sorted(taken) == sorted(ref.run_id for ref in refs)
        for ref in refs:
            stored = (await app.store.load(ref)).summary
            assert (stored.status, stored.engine) == (RunStatus.RUNNING, "e")

    ask(test)
    assert len(moved) > 20
