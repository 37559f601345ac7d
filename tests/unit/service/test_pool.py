"""Runners that are killed, or cannot begin, while their pool starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.base.errors import Unavailable
from dagu_core.base.settings import Settings
from dagu_core.service import processes
from dagu_core.service.pool import Pool


class Killed(Pool):
    """Its first runners are killed before they are ready."""

    kills = 1

    async def _spawn(self) -> Any:
        member = await super()._spawn()
        if self.kills:
            self.kills -= 1
            member.process.kill()
        return member


class Hopeless(Killed):
    kills = 1000


def settings(home: Path) -> Settings:
    environ = {"DAGU_HOME": str(home), "DAGU_WORKER_RUNNERS": "1", "DAGU_SCHEDULER_PORT": "0"}
    return Settings.load(environ=environ)


def test_P22_a_runner_that_is_killed_before_it_is_ready_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGU_HOME", str(tmp_path))
    said: list[str] = []

    async def work() -> None:
        async with Killed(settings(tmp_path), say=said.append) as pool:
            assert len(pool.pids) == 1

    asyncio.run(work())
    assert len(said) == 1 and "ended with -9: starting another one" in said[0]


def test_P22_a_service_without_a_runner_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGU_HOME", str(tmp_path))
    monkeypatch.setattr(processes, "Pool", Hopeless)

    async def work() -> None:
        async with App.open(settings(tmp_path), discover=False) as app:
            async with asyncio.timeout(40):
                await processes.run_scheduler(app, runners=True, page=False, say=lambda text: None)

    with pytest.raises(Unavailable, match="no runner could start"):
        asyncio.run(work())
