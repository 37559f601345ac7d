"""How far the work is, how fast it may go, and whether it is to end; shared by all its threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dagu_ftp.problems import Interrupted, Problem

_LONGEST_WAIT = 0.5


@dataclass(slots=True)
class Progress:
    """Counts what went over; `step` is called for each block and ends the work when told so."""

    max_bytes_per_sec: int = 0
    secrets: Sequence[str] = ()
    transferred: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bytes: int = 0
    files: int = 0
    current: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = field(default_factory=time.monotonic)
    _told: tuple[float, int] = (0.0, 0)
    _free_at: float = 0.0

    def check(self) -> None:
        """End this thread's work when the step is being stopped."""
        if self.stopping.is_set():
            raise Interrupted

    def step(self, size: int) -> None:
        """Count a block that went over, and wait when it went too fast."""
        with self._lock:
            self.bytes += size
            now = time.monotonic()
            if self.max_bytes_per_sec:
                self._free_at = max(self._free_at, now) + size / self.max_bytes_per_sec
            wait = self._free_at - now
        if wait > 0:
            self.stopping.wait(wait)
        self.check()

    def wait(self, seconds: float) -> None:
        """Wait, but not for a step that is being stopped."""
        self.stopping.wait(seconds)
        self.check()

    def block_size(self, most: int) -> int:
        """How large blocks may be, so that a slow pace is an even one."""
        limit = self.max_bytes_per_sec
        return most if not limit else max(1024, min(most, int(limit * _LONGEST_WAIT)))

    def done(self, **facts: Any) -> None:
        """Remember a file that is where it belongs."""
        with self._lock:
            self.transferred.append(facts)

    def skip(self, source: str, reason: str) -> None:
        """Remember a file that was left alone."""
        with self._lock:
            self.skipped.append({"source": source, "reason": reason})

    def fail(self, source: str, problem: Problem) -> None:
        """Remember a file that could not be done."""
        with self._lock:
            self.problems.append(problem)
            self.failed.append({"source": source, "error": self.shown(str(problem))})

    def shown(self, text: str) -> str:
        """A text without passwords: servers may repeat what they were sent."""
        for secret in self.secrets:
            text = text.replace(secret, "*******")
        return text

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def line(self) -> str:
        """One line on how far it is, with the rate since the last one; "" when nothing moves yet."""
        now, (then, before) = self.seconds, self._told
        if not self.files and not self.bytes:
            return ""
        self._told = (now, self.bytes)
        rate = (self.bytes - before) / max(now - then, 0.001)
        files = f"{len(self.transferred)} of {self.files} files"
        return self.shown(f"{files}, {size_shown(self.bytes)}, {size_shown(rate)}/s, at {self.current}")


def size_shown(size: float) -> str:
    """A number of bytes as people read it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
