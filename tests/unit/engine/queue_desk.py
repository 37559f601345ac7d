"""A home for DAGs with queues, an app to ask, and the work of a runner in a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.engine.launch import resume
from dagu_core.model.run.run import RunSummary

T = TypeVar("T")


class Desk:
    """A home with one DAG, and an app to ask."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ledger = folder, folder / "ledger"
        self.config = ""

    def write(self, text: str, name: str = "flow") -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(text.replace("LEDGER", str(self.ledger)))
        return str(path)

    def lines(self) -> list[str]:
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def most_at_once(self) -> int:
        at_work = most = 0
        for word in self.lines():
            at_work += {"+": 1, "-": -1}.get(word[0], 0)
            most = max(most, at_work)
        return most

    def ask(self, question: Callable[[App], Awaitable[T]]) -> T:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        (home / "config.yaml").write_text(self.config)

        async def main() -> T:
            environ = {"DAGU_HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
            settings = Settings.load(environ=environ)
            async with App.open(settings, discover=False) as app:
                return await question(app)

        return asyncio.run(main())


async def work_off(app: App, watch: Callable[[RunSummary], None] = lambda summary: None) -> None:
    """What a runner does: claim what waits, and carry it out, until nothing waits and works."""
    tasks: set[asyncio.Task[object]] = set()
    async with app.runner(lambda run, event: watch(run.summary)) as runner:
        while True:
            for state in await app.store.queues():
                limit = await app.queues.limit_of(state.name, state.next)
                for stored in await app.store.claim(
                    state.name, engine=runner.engine, host=runner.host, slots=limit
                ):
                    launch = await app.runs.launch_again(stored, stored.summary.ref.run_id)
                    tasks.add(asyncio.create_task(resume(runner, launch, stored, claimed=True)))
            if not tasks:
                return
            done, tasks = await asyncio.wait(tasks, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
