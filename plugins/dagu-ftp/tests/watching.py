"""A scheduler of a few lines for a trigger on a server, which keeps cursors as the real one does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from dagu_core import Fire, NotFound, TriggerScope
from dagu_ftp.trigger import FtpsTrigger, FtpTrigger, SftpTrigger

from .servers import Server

PATIENCE = 20.0
TRIGGERS: Any = {"ftp": FtpTrigger, "ftps": FtpsTrigger, "sftp": SftpTrigger}


class Driver:
    """Drives one entry: `runs` by key are what was started, `cursor` what was stored."""

    def __init__(self, folder: Path, server: Server, **config: Any) -> None:
        self.server, self.folder = server, folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        given = {"watch": f"{server.at}**/*.csv", "settle": 0, "pollInterval": "100ms", **config}
        self.entry = server.config(**given)
        self.secrets: dict[str, str] = {}
        self.runs: dict[str, Fire] = {}
        self.repeated: list[Fire] = []
        self.said: list[str] = []
        self.cursor: Any = None
        self.looks = 0
        self.trigger: Any = None
        self._task: asyncio.Task[None] | None = None

    @property
    def fires(self) -> list[Fire]:
        return list(self.runs.values())

    @property
    def names(self) -> list[str]:
        return [fire.env["DAGU_FILE_TRIGGER_NAME"] for fire in self.fires]

    @property
    def events(self) -> list[str]:
        return [fire.env["DAGU_FILE_TRIGGER_EVENT"] for fire in self.fires]

    async def start(self, *, settled: bool = True) -> None:
        """Begin, as a scheduler that has just become the leader; returns when it has looked twice."""
        self.trigger = TRIGGERS[self.server.kind]()
        self.looks = 0
        self._task = asyncio.create_task(self._work())
        if settled:
            await self.look(2)

    async def look(self, count: int) -> None:
        """Let it look so many times more."""
        wanted = self.looks + count
        await self.until(lambda: self.looks >= wanted)

    async def stop(self) -> None:
        """End it, as a scheduler that is killed."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _secret(self, name: str) -> str:
        if name not in self.secrets:
            raise NotFound(f"the DAG has no secret {name}")
        return self.secrets[name]

    async def _work(self) -> None:
        tell = self.trigger._tell

        def hear(health: str) -> None:
            tell(health)
            self.said.append(health)
            self.looks += not health.startswith("degraded: ") or "next try" not in health

        self.trigger._tell = hear
        scope = TriggerScope("watched", self.folder, self.scratch, self.cursor is None, self._secret)
        config = type(self.trigger).Config.model_validate(self.entry)
        async for fire in self.trigger.fires(scope, config, self.cursor):
            if fire.key in self.runs:
                self.repeated.append(fire)
            self.runs.setdefault(fire.key, fire)
            self.cursor = json.loads(json.dumps(fire.cursor))

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                assert self._task is not None
                if self._task.done():
                    await self._task
                await asyncio.sleep(0.02)

    async def have(self, count: int) -> None:
        """Wait for so many runs, and two looks longer for one too many."""
        await self.until(lambda: len(self.runs) >= count)
        await self.look(2)
        assert len(self.runs) == count, list(self.runs)

    def write(self, name: str, text: str = "data") -> Path:
        path = self.server.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


Test = Callable[[Driver], Coroutine[Any, Any, None]]


def watch(test: Test, folder: Path, server: Server, **config: Any) -> None:
    """Run a test with a driver; its task is ended whatever happens."""

    async def main() -> None:
        driver = Driver(folder, server, **config)
        try:
            await test(driver)
        finally:
            await driver.stop()

    asyncio.run(main())
