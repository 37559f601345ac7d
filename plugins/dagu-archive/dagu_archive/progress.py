"""Tells on stderr how far a long job is."""

from __future__ import annotations

import sys
import time

_FIRST_AFTER = 5.0
_EVERY = 10.0


class Progress:
    """Counts files and bytes; says so once it takes long, or each name when `verbose`."""

    def __init__(
        self, verb: str, *, verbose: bool, first: float = _FIRST_AFTER, every: float = _EVERY
    ) -> None:
        self.files = 0
        self.bytes = 0
        self._verb, self._verbose, self._every = verb, verbose, every
        self._next = time.monotonic() + first

    def file(self, name: str) -> None:
        """One more file."""
        self.files += 1
        if self._verbose:
            _say(f"{self._verb} {name}")

    def data(self, count: int) -> None:
        """`count` more bytes."""
        self.bytes += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every
            _say(f"archive: {self._verb}: {self.files} files, {self.bytes / (1 << 20):.0f} MiB so far")


def warn(message: str) -> None:
    """Say something that does not end the work."""
    _say(f"archive: warning: {message}")


def _say(line: str) -> None:
    safe = line if line.isprintable() else ascii(line)[1:-1]
    sys.stderr.write(f"{safe}\n")
    sys.stderr.flush()
