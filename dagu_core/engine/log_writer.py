"""A step's stream for executors that have no process to write for them."""

from __future__ import annotations

import os

from dagu_core.engine.kernel import open_log
from dagu_core.engine.log_keeper import TAIL, cut_mark
from dagu_core.engine.logs import FILE_MODE, size_of
from dagu_core.engine.streams import Streams


class LogWriter:
    """A step's stream for executors that write themselves: masked, appended to the log.

    With `capture` the unmasked bytes (at most `limit` + 1) are kept as well, secrets replaced by
    references. A log that grows beyond its limit keeps its beginning and its last MiB.
    """

    def __init__(self, streams: Streams, *, errors: bool = False) -> None:
        path, extra = (streams.stderr, streams.extra_err) if errors else (streams.stdout, streams.extra_out)
        self._paths = [path, extra] if extra else [path]
        self._masker = streams.masker
        self._mask = streams.masker.stream() if streams.masker else None
        self._capture = None if errors else streams.capture
        self._limit = streams.limit
        self._kept = bytearray()
        self._room = streams.log_limit - size_of(path)
        self._dropped, self._tail = 0, b""

    async def write(self, data: bytes) -> None:
        """Append `data`."""
        if self._capture and len(self._kept) <= self._limit:
            self._kept += data[: self._limit + 1 - len(self._kept)]
        self._append(self._mask.feed(data) if self._mask else data)

    def close(self) -> None:
        """Write what was held back: what could have been the beginning of a secret, the end of a
        log that is too long. More may follow."""
        if self._mask:
            self._append(self._mask.flush())
        if self._dropped:
            self._write(self._paths[0], cut_mark(self._dropped - len(self._tail)) + self._tail)
            self._dropped, self._tail = 0, b""
        if self._capture:
            kept = bytes(self._kept)
            self._kept.clear()
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            with os.fdopen(os.open(self._capture, flags, FILE_MODE), "wb") as file:
                file.write(self._masker.tokenize(kept) if self._masker else kept)

    def _append(self, data: bytes) -> None:
        log, *others = self._paths
        for path in others:
            self._write(path, data)
        fitting = data[: max(self._room, 0)]
        self._write(log, fitting)
        self._room -= len(fitting)
        if rest := data[len(fitting) :]:
            self._dropped += len(rest)
            self._tail = (self._tail + rest)[-TAIL:]

    def _write(self, path: str, data: bytes) -> None:
        if not data:
            return
        descriptor = open_log(path)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)
