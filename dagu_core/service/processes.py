"""What a service process is made of: a scheduler, runners or both, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from dagu_core.service.health import HealthPage
from dagu_core.service.pool import Pool
from dagu_core.service.scheduler import candidate

if TYPE_CHECKING:
    from dagu_core.app.app import App

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")


async def run_scheduler(app: App, *, runners: bool, page: bool, say: Callable[[str], None]) -> None:
    """Be a scheduler, with a pool of `runners` beside it and a health `page`, until SIGTERM, SIGINT
    or SIGHUP; a second one ends the process at once."""
    settings = app.settings.scheduler
    stop = asyncio.Event()
    _listen(stop)
    async with candidate(app, say, alone=not runners) as scheduler:
        port = settings.port if page else 0
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(HealthPage(settings.host, port, scheduler.health, say))
            starting = asyncio.create_task(_pool(stack, app, say)) if runners else None
            # It leads while runners boot, and lets go of the lease before runs are waited for.
            await scheduler.serve(stop)
            if starting is not None:
                await starting


async def _pool(stack: AsyncExitStack, app: App, say: Callable[[str], None]) -> None:
    pool = Pool(app.settings, say=say)
    # First the end: a signal may come before all are ready.
    stack.push_async_callback(pool.stop)
    await pool.start()
    say(f"{pool.size} runners are ready")


def _listen(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def told(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for name in _SIGNALS:
        with contextlib.suppress(NotImplementedError, AttributeError):
            number = getattr(signal, name)
            loop.add_signal_handler(number, told, number)
