"""Looks after the logs of a running process, which writes to them by itself.

A log that somebody removed is made anew, and what the process goes on writing to the removed file
is copied there. A log that grows beyond its limit keeps its beginning and its last MiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from msgspec import Struct

from dagu_core.engine.filter import REMOVED
from dagu_core.engine.kernel import open_log
from dagu_core.engine.logs import size_of

#: seconds between two looks
EVERY = 0.5
#: bytes of the end of a log that are kept beyond its limit
TAIL = 1 << 20
_CHUNK = 1 << 20


def cut_mark(missing: int) -> bytes:
    """The line that stands where bytes of a log are missing."""
    return b"\n[%d bytes are not kept; the log goes on with its end]\n" % missing


class _Log(Struct):
    """One file: `descriptor` is the number it has inside the step, `floor` the bytes that stay,
    `size` what it had at the last look. `source` is open once the file was removed, `dropped`
    counts the bytes that were cut and `tail` holds the last of them."""

    path: str
    descriptor: int
    floor: int
    size: int = 0
    source: int = -1
    dropped: int = 0
    tail: bytes = b""

    def look(self, pid: int) -> None:
        """Recreate the log, copy on, or cut it, as needed. Raises OSError."""
        if self.source >= 0:
            self.copy()
        try:
            size = os.stat(self.path).st_size
        except FileNotFoundError:
            self.recreate(pid)
            return
        if self.source < 0:
            self.size = size
        if size > self.floor + TAIL:
            self.cut()

    def recreate(self, pid: int) -> None:
        if self.source < 0:
            self.source = _removed_file(pid, self.descriptor, self.path)
        log = open_log(self.path)
        try:
            os.write(log, REMOVED)
        finally:
            os.close(log)
        self.copy()

    def copy(self) -> None:
        """Append what the step has written to the removed file since the last look."""
        if self.source < 0:
            return
        log = open_log(self.path)
        try:
            while data := os.pread(self.source, _CHUNK, self.size):
                os.write(log, data)
                self.size += len(data)
        finally:
            os.close(log)

    def cut(self) -> None:
        """Drop everything after the floor, but remember its end."""
        log = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            size = os.fstat(log).st_size
            if size > self.floor:
                start = max(self.floor, size - TAIL)
                self.tail = (self.tail + os.pread(log, size - start, start))[-TAIL:]
                self.dropped += size - self.floor
                os.ftruncate(log, self.floor)
        finally:
            os.close(log)

    def close(self) -> None:
        """Write the kept end of a log that was cut, with a line on what is missing before it."""
        if self.dropped:
            self.cut()
            missing = self.dropped - len(self.tail)
            log = open_log(self.path)
            try:
                os.write(log, cut_mark(missing))
                os.write(log, self.tail)
            finally:
                os.close(log)
        if self.source >= 0:
            os.close(self.source)


class LogKeeper:
    """Keeps the logs of one process. `pid` tells its main process (0 = not known yet), `limit` how
    many bytes of each log stay; `filtered` = a filter writes them, and makes them anew itself."""

    def __init__(self, paths: tuple[str, str], pid: Callable[[], int], limit: int, *, filtered: bool) -> None:
        out, err = paths
        named = [(out, 1)] if out == err else [(out, 1), (err, 2)]
        self._logs = [_Log(path, number, max(limit, size_of(path))) for path, number in named]
        self._pid, self._filtered = pid, filtered
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._tick)

    def close(self, *, ran: bool) -> None:
        """The process has ended, after it `ran` or without ever having been seen: a last look."""
        self._timer.cancel()
        self._look(ran)
        for log in self._logs:
            with contextlib.suppress(OSError):
                log.close()

    def _tick(self) -> None:
        self._look()
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._tick)

    def _look(self, ran: bool = False) -> None:
        pid = self._pid()
        if not (pid or ran or self._filtered):
            # Before the supervisor tells of the start the logs may simply not be made yet.
            return
        for log in self._logs:
            # A log that cannot be kept (a full disk) is no reason to disturb its step.
            with contextlib.suppress(OSError):
                if not self._filtered or os.path.exists(log.path):
                    log.look(pid)


def _removed_file(pid: int, descriptor: int, path: str) -> int:
    """The file the process still writes to, opened; -1 when it cannot be found (not Linux, or the
    process has put something else in its place)."""
    link = f"/proc/{pid}/fd/{descriptor}"
    try:
        if os.readlink(link) == f"{path} (deleted)":
            return os.open(link, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        pass
    return -1
