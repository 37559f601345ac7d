"""Tells when files of a few folders change: by inotify on Linux, by looking again elsewhere."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

#: seconds: changes that come so close together are told at once; between two looks without inotify;
#: between two looks beside it, for folders whose changes the kernel does not see
SETTLE, LOOK, SLOW_LOOK = 0.05, 1.0, 60.0
_EVENT = struct.Struct("iIII")
# CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF, ATTRIB
_MASK = 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800 | 0x4
_LOST = 0x4000 | 0x8000 | 0x400 | 0x800  # Q_OVERFLOW, IGNORED, DELETE_SELF, MOVE_SELF
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class FolderWatch:
    """Watches folders, not what lies below them. A folder that is missing is looked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = list(dict.fromkeys(folders))
        self._woken = asyncio.Event()
        self._changed: set[Path] = set()
        self._everything = False
        self._descriptor = _inotify()
        self._watched: dict[int, Path] = {}

    async def changes(self) -> AsyncIterator[set[Path] | None]:
        """Yield the paths that changed, or None: look at everything. For ever."""
        loop = asyncio.get_running_loop()
        if self._descriptor >= 0:
            loop.add_reader(self._descriptor, self._read)
        try:
            while True:
                whole = self._watch()
                try:
                    async with asyncio.timeout(SLOW_LOOK if whole else LOOK):
                        await self._woken.wait()
                except TimeoutError:
                    yield None
                    continue
                await asyncio.sleep(SETTLE)
                self._woken.clear()
                changed, everything = self._changed, self._everything
                self._changed, self._everything = set(), False
                yield None if everything else changed
        finally:
            if self._descriptor >= 0:
                loop.remove_reader(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

    def _watch(self) -> bool:
        """Watch the folders that are not watched yet; whether all are."""
        if self._descriptor < 0:
            return False
        for folder in self._folders:
            if folder not in self._watched.values():
                number = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _MASK)
                if number >= 0:
                    # What came before nobody has told us.
                    self._watched[number] = folder
                    self._everything = True
                    self._woken.set()
        return len(self._watched) == len(self._folders)

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
            folder = self._watched.get(number)
            if mask & _LOST:
                self._everything = True
                self._watched.pop(number, None)
            elif folder is not None and name:
                self._changed.add(folder / os.fsdecode(name))
        self._woken.set()


def _inotify() -> int:
    """A new inotify descriptor, -1 when there is none to be had."""
    if not sys.platform.startswith("linux"):
        return -1
    return int(_libc.inotify_init1(_FLAGS))


_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
