"""How a service ends: told by a signal, and by a second one at once; and its tasks with it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any

from dagu_core.engine.liveness import hear


def end_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM, SIGINT and SIGHUP; a second one ends the process at once with 128 + its
    number. Runners notice that and let go of their runs by themselves."""

    def told(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    hear((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), told)


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended, however they do."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
