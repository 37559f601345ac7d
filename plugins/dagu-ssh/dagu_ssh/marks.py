"""Finds where the output of a command begins and ends in what comes from the other machine."""

from __future__ import annotations

import os
import threading


class Marks:
    """Takes a stream apart: what stands before the first mark goes to descriptor `before`, what
    follows to `during`, and after the second mark, which holds the exit code, nothing is of interest.

    Without marks in it, a stream goes to `before` whole.
    """

    def __init__(self, token: bytes, before: int, during: int) -> None:
        self.started = threading.Event()
        self.code: int | None = None
        self._token = token + b" "
        self._to = before
        self._during = during
        self._held = b""

    @property
    def ended(self) -> bool:
        """Whether the last mark has been seen."""
        return self.code is not None

    def feed(self, data: bytes) -> None:
        """Take the next bytes; those that may be the beginning of a mark wait for more."""
        data = self._held + data
        while not self.ended and (at := data.find(self._token)) >= 0:
            self._write(data[:at])
            data = data[at:]
            line, newline, rest = data.partition(b"\n")
            if not newline:
                self._held = data
                return
            data = rest
            self._mark(line[len(self._token) :].split())
        if self.ended:
            data = b""
        keep = self._beginning_of_mark(data)
        self._write(data[: len(data) - keep])
        self._held = data[len(data) - keep :]

    def flush(self) -> None:
        """No more will come: write what waits."""
        self._write(self._held)
        self._held = b""

    def _mark(self, words: list[bytes]) -> None:
        if words[0] == b"start":
            self._to = self._during
            self.started.set()
        else:
            self.code = int(words[1])

    def _beginning_of_mark(self, data: bytes) -> int:
        """How many of the last bytes may be the beginning of a mark."""
        longest = min(len(data), len(self._token) - 1)
        return next((size for size in range(longest, 0, -1) if data.endswith(self._token[:size])), 0)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._to, view) :]
