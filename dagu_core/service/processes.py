"""What a service process is made of: a scheduler, runners or both, until a signal ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from dagu_core.base.errors import Unavailable
from dagu_core.service.ending import end_on_signals
from dagu_core.service.health import HealthPage
from dagu_core.service.pool import Pool
from dagu_core.service.scheduler import candidate

if TYPE_CHECKING:
    from dagu_core.app.app import App


async def run_scheduler(app: App, *, runners: bool, page: bool, say: Callable[[str], None]) -> None:
    """Be a scheduler, with a pool of `runners` beside it and a health `page`, until SIGTERM, SIGINT
    or SIGHUP; a second one ends the process at once."""
    settings = app.settings.scheduler
    stop = asyncio.Event()
    end_on_signals(stop)
    async with candidate(app, say, alone=not runners) as scheduler:
        port = settings.port if page else 0
        async with AsyncExitStack() as stack:
            health = HealthPage(settings.host, port, scheduler.health, say)
            await stack.enter_async_context(health)
            scheduler.on_lead = health.insist
            starting = asyncio.create_task(_pool(stack, app, say, stop)) if runners else None
            # It leads while runners boot, and lets go of the lease before runs are waited for.
            await scheduler.serve(stop)
            if starting is not None:
                await starting


async def _pool(stack: AsyncExitStack, app: App, say: Callable[[str], None], stop: asyncio.Event) -> None:
    pool = Pool(app.settings, say=say)
    # First the end: a signal may come before all are ready.
    stack.push_async_callback(pool.stop)
    try:
        await pool.start()
    except Unavailable:
        stop.set()  # whatever it starts would wait for ever: whoever started us should know now
        raise
    say(f"{pool.size} runners are ready")
