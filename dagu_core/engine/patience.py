"""Runs what a plugin wrote so that it can neither outstay its stop nor end the process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from dagu_core.base.errors import PluginError

T = TypeVar("T")

#: seconds a cancelled executor may take beyond the grace it was given
MARGIN = 5.0
#: tasks that did not end when they were told to; referenced so that they are not collected alive
_left: set[asyncio.Task[Any]] = set()


class LeftBehind(Exception):
    """A cancelled task of a plugin goes on, unheard."""


async def bounded(work: Coroutine[Any, Any, T], patience: float | None) -> T:
    """The result of `work`. When we are cancelled, it is, and has `patience` seconds to clean up.

    None = it takes the time it takes. A second cancellation reaches it, too. Raises LeftBehind
    (from the CancelledError) when it goes on regardless, and PluginError when it called `exit`
    or cancelled itself.
    """
    task = asyncio.create_task(_tame(work))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError as stop:
        if not await _ended(task, patience):
            _left.add(task)
            task.add_done_callback(_forget)
            raise LeftBehind(f"did not stop within {patience:g} s") from stop
        _forget(task)
        raise
    if task.cancelled():
        raise PluginError("cancelled itself")
    return task.result()


async def _ended(task: asyncio.Task[Any], patience: float | None) -> bool:
    """Cancel, then wait; once more for whoever asks once more."""
    loop = asyncio.get_running_loop()
    until = None if patience is None else loop.time() + patience
    task.cancel()
    while not task.done():
        left = None if until is None else until - loop.time()
        if left is not None and left <= 0:
            return False
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            task.cancel()
    return True


async def _tame(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SystemExit as error:
        # It would leave the event loop at once and take every run of this process along.
        raise PluginError(f"called exit({error.code})") from None


def _forget(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()  # nobody else will ask for it


def innermost(error: BaseException) -> BaseException:
    """The one error that mattered, not the group it came in."""
    while isinstance(error, BaseExceptionGroup):
        (error, *_) = error.exceptions
    return error
