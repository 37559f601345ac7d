"""The event loop of one call: as `asyncio.run`, but nobody can keep it open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: seconds that tasks left by plugins get to clean up; then the process ends without them
PATIENCE = 2.0


def run_to_end(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`. A task that will not end when it is cancelled is left behind."""
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            _end_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    if not left:
        return
    for task in left:
        task.cancel()
    _, stubborn = loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE))
    for task in stubborn:
        # At exit the loop would complain about it.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
