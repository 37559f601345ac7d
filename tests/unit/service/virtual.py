"""A loop whose time passes only while nothing is to be done, and then at once: hours of waiting take
no time, and how often it woke is counted."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

from dagu_core.service import leadership
from tests.unit.service.lab import NOON, Lab, lab


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wakes = 0
        self.threads: set[object] = set()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (ready := super().select(0)) or timeout == 0:
            return ready
        if timeout is None or self.threads:
            return super().select(0.01 if self.threads else None)
        self.now += timeout
        self.wakes += 1
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`wakes`: how often it slept until some time came."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @property
    def wakes(self) -> int:
        return self._jumping.wakes

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Any, *args: Any
    ) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads.add(future)
        future.add_done_callback(self._jumping.threads.discard)
        return future


def run(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[Lab, VirtualLoop], Awaitable[None]],
) -> None:
    """Let `work` have a lab whose clocks go with such a loop; it begins at noon."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with lab(root) as one:
            monkeypatch.setattr(one.clock, "now", lambda: NOON + loop.time())
            monkeypatch.setattr(one.app.store, "_clock", one.clock)
            monkeypatch.setattr(leadership, "awake", loop.time)
            await work(one, loop)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
