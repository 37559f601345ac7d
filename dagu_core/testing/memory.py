"""How much memory a run takes at its peak: this process and every process of the run's home."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from dagu_core.testing.leftovers import processes_of

#: seconds between two looks
_PERIOD = 0.02


class Peak:
    """Looks at the memory while its block runs; `bytes` is the most that was seen, 0 without a
    `home` to look at, and where the system does not tell (it needs /proc)."""

    def __init__(self, home: Path | None) -> None:
        self.bytes = 0
        self._home = home
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> Peak:
        if self._home is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._home is not None:
            self._thread.join()

    def _look(self) -> None:
        assert self._home is not None
        while not self._over.wait(_PERIOD):
            pids = {os.getpid(), *processes_of(self._home)}
            self.bytes = max(self.bytes, sum(map(_resident, pids)))


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
