"""The output of a container or command: from the engine's connection to our own streams."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STDOUT, STDERR = 1, 2
_COUNTS = struct.Struct("<4Q")


class Cut(Exception):
    """The connection ended in the middle of something."""


def frames(read: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
    """(stream, data) as the engine multiplexes them. Raises Cut when the last one is not whole."""
    waiting = bytearray()
    while data := read(1 << 16):
        waiting += data
        at = 0
        while len(waiting) - at >= 8:
            stream, size = waiting[at], int.from_bytes(waiting[at + 4 : at + 8], "big")
            if len(waiting) - at < 8 + size:
                break
            yield stream, bytes(waiting[at + 8 : at + 8 + size])
            at += 8 + size
        del waiting[:at]
    if waiting:
        raise Cut("in the middle of a frame")


def reader(connection: Any) -> Callable[[int], bytes]:
    """Reads from a connection that the engine has turned into a stream.

    The library hands out the socket below the buffer in which it read the headers of the answer:
    output that came along with those would be lost, and every frame after it misread.
    """
    response = getattr(connection, "_response", None)
    buffered = getattr(getattr(getattr(response, "raw", None), "_fp", None), "fp", None)
    read = getattr(buffered, "read1", None) or getattr(connection, "recv", None) or connection.read
    return read  # type: ignore[no-any-return]


class Output:
    """Writes to our stdout and stderr, and remembers in a file how far it came.

    The log of a container can be asked for again from its beginning; `rest` then leaves out what
    was written before, perhaps by another process. Lines are counted, because bytes that are no
    text come back from the engine's log as other bytes.
    """

    def __init__(self, progress: Path) -> None:
        self._file = os.open(progress, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        kept = os.pread(self._file, _COUNTS.size, 0)
        counts = _COUNTS.unpack(kept) if len(kept) == _COUNTS.size else (0, 0, 0, 0)
        #: stream -> (whole lines, bytes of the line after them)
        self._written = {STDOUT: counts[:2], STDERR: counts[2:]}
        self._lock = threading.Lock()
        #: where each stream goes
        self._streams = {STDOUT: STDOUT, STDERR: STDERR}

    def write(self, stream: int, data: bytes) -> None:
        """Write to one of our streams."""
        kind = STDERR if stream == STDERR else STDOUT
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[os.write(self._streams[kind], view) :]
            self._count(kind, data)

    def say(self, line: str) -> None:
        """Write a line of our own to stderr; it is none of the container's output."""
        with self._lock:
            os.write(self._streams[STDERR], line.encode("utf-8", "replace") + b"\n")

    def rest(self, stream: int, chunks: Iterator[bytes]) -> None:
        """Write what is new in a log that is read from its beginning."""
        lines, tail = self._written[stream]
        for chunk in chunks:
            at = 0
            while lines and (end := chunk.find(b"\n", at)) >= 0:
                at, lines = end + 1, lines - 1
            if lines:
                continue
            skipped = min(tail, len(chunk) - at)
            tail -= skipped
            if fresh := chunk[at + skipped :]:
                self.write(stream, fresh)

    def _count(self, stream: int, data: bytes) -> None:
        lines, tail = self._written[stream]
        if new := data.count(b"\n"):
            lines, tail = lines + new, len(data) - data.rfind(b"\n") - 1
        else:
            tail += len(data)
        self._written[stream] = (lines, tail)
        os.pwrite(self._file, _COUNTS.pack(*self._written[STDOUT], *self._written[STDERR]), 0)
