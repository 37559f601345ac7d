"""The clock and the ear of a step: one thread works, the main thread waits for signals and limits."""

from __future__ import annotations

import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from dagu_core.contracts.work import Failed, Stopped

_NEVER = float("inf")
#: seconds between two tries to cancel: the first may come between two statements
_AGAIN = 0.5


class Interrupted(Exception):
    """The work was cancelled; `Watch.reason` says why."""


class Watch:
    """Lets work be cancelled at any moment, by a limit in time or by a signal."""

    def __init__(self, signals: set[int]) -> None:
        self.reason = ""
        self.doing = "the work"
        #: ends a running statement; set once there is a connection
        self.cancel: Callable[[], None] | None = None
        self._limit = 0.0
        # Safe to use in a signal handler, other than conditions and events.
        self._inbox: SimpleQueue[float | str] = SimpleQueue()
        for number in signals:
            signal.signal(number, lambda *_: self._inbox.put("stopped"))

    def limit(self, seconds: float | None, doing: str) -> None:
        """Called by the work: what it does next, and in how many seconds. Raises Interrupted."""
        self._limit, self.doing = seconds or 0.0, doing
        self._inbox.put(monotonic() + seconds if seconds else _NEVER)
        self.check()

    def check(self) -> None:
        """Called by the work: raises Interrupted when it is to end."""
        if self.reason:
            raise Interrupted

    def run(self, work: Callable[[], int], grace: float) -> int:
        """Do `work` in a thread; its result. Raises what it raises, Stopped, or Failed when late."""
        results: list[int] = []
        errors: list[BaseException] = []

        def body() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)
            self._inbox.put("done")

        Thread(target=body, name="sql", daemon=True).start()
        self.reason = self._wait()
        if self.reason:
            self._end(grace)
        if self.reason == "stopped":
            raise Stopped
        if errors and not isinstance(errors[0], Interrupted):
            raise errors[0]
        if results:
            return results[0]
        raise Failed(f"{self.doing} took longer than {self._limit:g} s", 124)

    def _wait(self) -> str:
        """Until the work is done (""), late ("late") or stopped ("stopped")."""
        deadline = _NEVER
        while True:
            try:
                found = self._inbox.get(
                    timeout=None if deadline == _NEVER else max(0.0, deadline - monotonic())
                )
            except Empty:
                return "late"
            if found == "done":
                return ""
            if isinstance(found, str):
                return found
            deadline = found

    def _end(self, grace: float) -> None:
        """Cancel until the work has noticed, for as long as there is patience.

        Before there is a connection there is nothing to cancel: the process just ends.
        """
        patience = monotonic() + max(0.5, grace * 0.8)
        while self.cancel is not None and monotonic() < patience:
            self.cancel()
            try:
                found = self._inbox.get(timeout=_AGAIN)
            except Empty:
                continue
            if found == "done":
                return
            if found == "stopped" and self.reason != found:
                self.reason = found
