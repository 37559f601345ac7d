"""The run's own log: one line (or two) an event, beside telling whoever watches."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from dagu_core.engine.kernel import open_log
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import Run


class RunLog:
    """Called after each commit, with the events in it. Neither a log nor a closed terminal ever
    decides over the run: their errors are dropped here. A log that was removed is made anew."""

    def __init__(
        self, path: Path, describe: Callable[[Run, Event], str], watch: Callable[[Run, Event], None]
    ) -> None:
        self._path, self._describe, self._watch = str(path), describe, watch
        self._descriptor = -1

    def __call__(self, run: Run, events: Iterable[Event]) -> None:
        lines = []
        for event in events:
            if line := self._describe(run, event):
                lines.append(line + "\n")
            with contextlib.suppress(OSError):
                self._watch(run, event)
        if lines:
            with contextlib.suppress(OSError):
                if self._descriptor >= 0 and not os.fstat(self._descriptor).st_nlink:
                    self.close()
                if self._descriptor < 0:
                    self._descriptor = open_log(self._path)
                os.write(self._descriptor, "".join(lines).encode("utf-8", "replace"))

    def close(self) -> None:
        """Let the file go; a later event would open it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
