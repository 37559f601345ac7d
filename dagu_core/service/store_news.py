"""Wakes a runner with nothing to do when somebody has written to the store, or a process has ended:
by the kernel, so it hears of commands in other containers of this machine as well."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from dagu_core.service import inotify
from dagu_core.service.inotify import CLOSE_WRITE, DELETE, DELETE_SELF, MODIFY, MOVE_SELF, ONESHOT


class StoreNews:
    """`with` it in a running loop: `event` is set at the first news after each `arm`. `written` is the
    file that every commit writes to (None = there is none), `locks` the folder of engine locks."""

    def __init__(self, written: Path | None, locks: Path, event: asyncio.Event) -> None:
        self._written, self._locks, self._event = written, locks, event
        self._descriptor = -1

    def __enter__(self) -> StoreNews:
        self._descriptor = inotify.begin()
        if self._descriptor >= 0:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def arm(self) -> bool:
        """Hear of what happens from now on, once: who works all the time is not kept from it. False
        when nobody tells, and one has to look."""
        if self._descriptor < 0 or self._written is None:
            return False
        gone = ONESHOT | DELETE_SELF | MOVE_SELF
        # Our own lock keeps the kernel from telling that its folder is gone, not that it was removed from it.
        return (
            inotify.watch(self._descriptor, self._written, gone | MODIFY) >= 0
            and inotify.watch(self._descriptor, self._locks, gone | CLOSE_WRITE | DELETE) >= 0
        )

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, 1 << 14)
        self._event.set()
