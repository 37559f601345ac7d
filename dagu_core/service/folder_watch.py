"""Tells when files of a few folders change: by inotify on Linux, by looking again elsewhere."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from dagu_core.service import inotify
from dagu_core.service.beat import BEAT, wake_at

#: seconds: changes that come so close together are told at once; between two looks without inotify;
#: between two looks beside it, for folders whose changes the kernel does not see
SETTLE, LOOK, SLOW_LOOK = 0.05, 1.0, 4 * BEAT
_EVENT = struct.Struct("iIII")
_WRITTEN = inotify.CLOSE_WRITE | inotify.ATTRIB
_THERE = inotify.MOVED_FROM | inotify.MOVED_TO | inotify.CREATE | inotify.DELETE
_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF
#: something came to be in it, told once
_CAME = inotify.MOVED_TO | inotify.CREATE | inotify.ONESHOT
_LOST = _GONE | inotify.OVERFLOW | inotify.IGNORED


class FolderWatch:
    """Watches folders, not what lies below them. A folder that is missing is watched as soon as it is
    there. Every so many seconds the folders count as changed."""

    def __init__(self, folders: Sequence[Path], *, every: float = SLOW_LOOK) -> None:
        self._folders = list(dict.fromkeys(folders))
        self._every = every
        self._woken = asyncio.Event()
        self._changed: set[Path] = set()
        self._everything = False
        self._descriptor = inotify.begin()
        #: the folders by the number the kernel has for them; a link makes two of one
        self._watched: dict[int, list[Path]] = {}

    async def changes(self) -> AsyncGenerator[set[Path] | None, None]:
        """Yield the paths that changed, or None: look at everything, first of all. For ever."""
        loop = asyncio.get_running_loop()
        if self._descriptor >= 0:
            loop.add_reader(self._descriptor, self._read)
        self._everything = True
        self._woken.set()
        try:
            while True:
                told = self._watch()
                try:
                    async with asyncio.timeout_at(wake_at(self._every if told else min(self._every, LOOK))):
                        await self._woken.wait()
                except TimeoutError:
                    yield None
                    continue
                await asyncio.sleep(SETTLE)
                self._woken.clear()
                changed, everything = self._changed, self._everything
                self._changed, self._everything = set(), False
                if everything or changed:
                    yield None if everything else changed
        finally:
            if self._descriptor >= 0:
                loop.remove_reader(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

    def _watch(self) -> bool:
        """Watch the folders that are not watched yet; whether the kernel tells of all, or of the coming
        of those that are missing."""
        if self._descriptor < 0:
            return False
        known = [each for folders in self._watched.values() for each in folders]
        for folder in (each for each in self._folders if each not in known):
            if (number := inotify.watch(self._descriptor, folder, _WRITTEN | _THERE | _GONE)) >= 0:
                # What came before nobody has told us.
                self._watched.setdefault(number, []).append(folder)
                known.append(folder)
                self._everything = True
                self._woken.set()
        return all(folder in known or self._watch_above(folder, known) for folder in self._folders)

    def _watch_above(self, folder: Path, known: Sequence[Path]) -> bool:
        """Have it told when something comes to be in the nearest folder above that is there."""
        for above in folder.parents:
            if above in known or inotify.watch(self._descriptor, above, _CAME) >= 0:
                return not folder.exists()  # it came meanwhile, or we may not look into it
        return False

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            return
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            folders = self._watched.get(number, [])
            if mask & _LOST and (folders or number < 0):
                self._everything = True
                self._watched.pop(number, None)
            elif name:
                self._changed |= {folder / os.fsdecode(name) for folder in folders}
        self._woken.set()
