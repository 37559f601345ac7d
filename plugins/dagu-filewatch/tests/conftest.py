"""A scheduler of a few lines, which keeps cursors as the real one does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Fire, TriggerScope
from dagu_filewatch.config import FileConfig
from dagu_filewatch.trigger import FileTrigger

PATIENCE = 15.0


class Driver:
    """Drives one entry: `runs` by key are what was started, `cursor` what was stored."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder, self.inbox = folder, folder / "in"
        self.inbox.mkdir(exist_ok=True)
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.entry: dict[str, Any] = {"watch": ["in/**/*.csv"], "settle": "200ms", **config}
        if config.get("events") == "remove":
            del self.entry["settle"]
        self.runs: dict[str, Fire] = {}
        self.repeated: list[Fire] = []
        self.cursor: Any = None
        self.trigger = FileTrigger()
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def fires(self) -> list[Fire]:
        return list(self.runs.values())

    @property
    def paths(self) -> list[str]:
        """What was fired, as names below the inbox."""
        found = [fire.env["DAGU_FILE_TRIGGER_PATH"] for fire in self.fires]
        return [os.path.relpath(path, self.inbox) for path in found]

    @property
    def events(self) -> list[str]:
        return [fire.env["DAGU_FILE_TRIGGER_EVENT"] for fire in self.fires]

    async def start(self, *, settled: bool = True) -> None:
        """Begin, as a scheduler that has just become the leader; returns when it is at work."""
        self.trigger = FileTrigger()
        self._task = asyncio.create_task(self._work())
        if settled:
            ino = self._inode()
            await self.until(lambda: self._inode() not in (None, ino) or self._task.done())
            await asyncio.sleep(0.15)
            if self._task.done():
                await self._task

    def _inode(self) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            return (self.scratch / "journal").stat().st_ino
        return None

    async def stop(self) -> None:
        """End it, as a scheduler that is killed: what was told and not stored is not stored."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        scope = TriggerScope("watched", self.folder, self.scratch, first=self.cursor is None)
        config = FileConfig.model_validate(self.entry)
        async for fire in self.trigger.fires(scope, config, self.cursor):
            self.accept(fire)
            self._news.set()

    def accept(self, fire: Fire) -> None:
        if fire.key in self.runs:
            self.repeated.append(fire)
        else:
            self.runs[fire.key] = fire
        self.cursor = json.loads(json.dumps(fire.cursor))

    async def until(self, is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.02)

    async def have(self, count: int) -> None:
        """Wait for so many runs, and a little longer for one too many."""
        await self.until(lambda: len(self.runs) >= count)
        await asyncio.sleep(0.4)
        assert len(self.runs) == count, list(self.runs)

    def write(self, name: str, text: str = "data") -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., None]:
    """Run a test with a driver; its task is ended whatever happens."""

    def run(test: Callable[[Driver], Coroutine[Any, Any, None]], **config: Any) -> None:
        async def main() -> None:
            driver = Driver(tmp_path, **config)
            try:
                await test(driver)
            finally:
                await driver.stop()

        asyncio.run(main())

    return run
