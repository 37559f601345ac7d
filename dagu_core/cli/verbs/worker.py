"""`dagu worker`: runner processes that carry out what waits in the queues."""

from __future__ import annotations

import asyncio
import signal

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.output import tell


@click.command("worker", short_help="Carry out what waits in the queues.")
@pass_invocation
def command(invocation: Invocation, /) -> int:
    """Keep a pool of runner processes that carry out queued runs and take over lost ones.

    SIGTERM and Ctrl-C let runs end within `worker.drainGrace`; steps that take longer go on, and the
    next worker joins them.
    """
    from dagu_core.service.pool import Pool

    async def work() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        async with Pool(invocation.settings, say=tell) as pool:
            if not invocation.quiet:
                tell(f"{pool.size} runners are ready")
            await stop.wait()

    asyncio.run(work())
    return 0
