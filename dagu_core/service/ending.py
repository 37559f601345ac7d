"""How a service is told to end: by a signal, and by a second one at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")


def end_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM, SIGINT and SIGHUP; a second one ends the process at once with 128 + its
    number. Runners notice that and let go of their runs by themselves."""
    loop = asyncio.get_running_loop()

    def told(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for name in _SIGNALS:
        with contextlib.suppress(NotImplementedError, AttributeError):
            number = getattr(signal, name)
            loop.add_signal_handler(number, told, number)
