"""A runner with nothing to do sleeps until the store is written to, or a process ends."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.base.settings import Settings
from dagu_core.engine.liveness import EngineLock, locks_folder
from dagu_core.service import hosting
from dagu_core.service.hosting import Hosting
from dagu_core.service.store_news import StoreNews


class Looks:
    """A runner that is idle, and how often it has looked."""

    def __init__(self, app: App) -> None:
        runner: Any = SimpleNamespace(
            engine="r1", host="here", woken=asyncio.Event(), let_go=lambda: None, left_runs=False
        )
        self.hosting = Hosting(app, runner, 1)
        self.count = 0
        look = self.hosting._look

        async def counted() -> bool:
            self.count += 1
            return await look()

        self.hosting._look = counted  # type: ignore[method-assign]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """It serves, as a living engine."""
        lock = EngineLock(self.hosting.app.settings.paths.data, "r1")
        lock.hold()
        serving = asyncio.create_task(self.hosting.serve())
        yield
        self.hosting.stopping.set()
        await serving
        lock.release()

    async def quiet(self) -> None:
        """Wait until it has not looked for a while."""
        before = -1
        while before != self.count:
            before = self.count
            await asyncio.sleep(0.5)


def run(root: Path, work: Callable[[App], Awaitable[None]], store: str = "") -> None:
    environ = {"DAGU_HOME": str(root), "PATH": "/usr/bin:/bin"} | ({"DAGU_STORE": store} if store else {})

    async def main() -> None:
        async with App.open(Settings.load(environ=environ), discover=False) as app:
            await work(app)

    asyncio.run(main())


def write(root: Path, text: str) -> None:
    """The DAG `one`."""
    (root / "dags").mkdir()
    (root / "dags" / "one.yaml").write_text(text)


@contextmanager
def news_of(app: App, event: asyncio.Event) -> Iterator[tuple[StoreNews, EngineLock]]:
    """What tells of news of the app's store, and of the end of an engine that lives."""
    data = app.settings.paths.data
    lock = EngineLock(data, "e1")
    lock.hold()
    with StoreNews(app.store.written_file, locks_folder(data), event) as news:
        yield news, lock
    lock.release()


async def seen(event: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not event():
            await asyncio.sleep(0.005)


def test_it_looks_again_when_somebody_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "LOOK", 0.01)
    write(tmp_path, "steps: ['true']")

    async def work(app: App) -> None:
        looks = Looks(app)
        claimed: list[str] = []
        monkeypatch.setattr(Hosting, "_carry_out", lambda self, stored: _done(claimed, stored))
        async with looks.serving():
            async with asyncio.timeout(30):
                await looks.quiet()  # it ends: nobody looks without a reason
            async with App.open(app.settings, discover=False) as other:
                # Nobody of this host is poked: as if it came from another container.
                await other.store.remove("services", "runner/r1")
                await other.runs.enqueue(StartRequest(dag="one", run_id="r"))
            await seen(lambda: claimed == ["r"])

    run(tmp_path, work)


def test_it_wakes_when_a_pause_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes anything then, and the next beat is far away."""
    monkeypatch.setattr(hosting, "BEAT", 3600.0)
    write(tmp_path, "queue: q\nsteps: ['true']")

    async def work(app: App) -> None:
        await app.runs.enqueue(StartRequest(dag="one", run_id="r"))
        end = app.clock.now() + 2
        await app.queues.pause("q", "alice", until=end)
        claimed: list[float] = []

        async def carry_out(self: Hosting, stored: Any) -> None:
            claimed.append(app.clock.now())

        monkeypatch.setattr(Hosting, "_carry_out", carry_out)
        looks = Looks(app)
        async with looks.serving():
            await seen(lambda: bool(claimed))
            assert claimed[0] >= end and looks.count < 20, "it sleeps until then"

    run(tmp_path, work)


async def _done(claimed: list[str], stored: Any) -> None:
    claimed.append(stored.summary.ref.run_id)


def test_without_such_a_store_it_goes_on_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "LOOK", 0.01)

    async def work(app: App) -> None:
        looks = Looks(app)
        async with looks.serving():
            await seen(lambda: looks.count > 20)

    run(tmp_path, work, "memory:")


def test_news_are_told_once_after_they_were_asked_for(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event = asyncio.Event()
        with news_of(app, event) as (news, lock):
            assert news.arm()
            await app.store.get("a", "b")
            await asyncio.sleep(0.05)
            assert not event.is_set(), "reading is no news"
            await app.store.put("a", "b", 1)
            await seen(event.is_set)
            event.clear()
            await asyncio.sleep(0.05)
            event.clear()
            await app.store.put("a", "b", 2)
            await asyncio.sleep(0.05)
            assert not event.is_set(), "nobody asked for more"
            assert news.arm()
            lock.release(leaving_runs=True)
            await seen(event.is_set)
        with StoreNews(None, locks_folder(app.settings.paths.data), event) as none:
            assert not none.arm()

    run(tmp_path, work)


def test_a_folder_that_is_removed_around_a_held_lock_is_news(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event = asyncio.Event()
        with news_of(app, event) as (news, _):
            assert news.arm()
            shutil.rmtree(locks_folder(app.settings.paths.data))
            await seen(event.is_set)
            assert not news.arm(), "nobody tells of a folder that is not there"

    run(tmp_path, work)
