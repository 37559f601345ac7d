"""The body of a runner: `python -m dagu_core.service.runner_process`, started by the pool.

It stops on SIGTERM, and when its pool is gone (the end of its stdin says so).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from dagu_core.app.app import App
from dagu_core.base.errors import DaguError
from dagu_core.base.settings import Settings
from dagu_core.engine.liveness import hear
from dagu_core.service.hosting import Hosting


async def serve(settings: Settings) -> None:
    """Open everything, say so on stdout, then work until told to stop."""
    async with App.open(settings) as app, app.runner(lambda run, event: None) as runner:
        runner.worker = settings.worker.id
        hosting = Hosting(app, runner, settings.worker.max_active_runs)
        hear((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), lambda number: hosting.stopping.set())
        if not os.isatty(0):
            loop = asyncio.get_running_loop()
            loop.add_reader(0, _pool_is_gone, loop, hosting)
        try:
            sys.stdout.write(f"{runner.engine}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            return  # the pool died while we began
        await hosting.serve()


def _pool_is_gone(loop: asyncio.AbstractEventLoop, hosting: Hosting) -> None:
    if not os.read(0, 64):
        loop.remove_reader(0)
        hosting.stopping.set()


def main() -> None:
    """Read the settings as every command does; a wrong one ends us with its message."""
    try:
        home, config = (os.environ.get(name) or None for name in ("DAGU_HOME", "DAGU_CONFIG"))
        settings = Settings.load(environ=dict(os.environ), config=config, home=home)
        asyncio.run(serve(settings))
        code = 0
    except DaguError as error:
        sys.stderr.write(f"runner: {error}\n")
        code = 5
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads of plugins must not keep us: everything of ours is closed.
    os._exit(code)


if __name__ == "__main__":
    main()
