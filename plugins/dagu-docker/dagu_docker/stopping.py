"""Stop signals: while things are prepared they end us, afterwards they are passed on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from dagu_core.contracts.work import Stopped

#: what a step may be stopped with (`signalOnStop`), as far as a process can hear it
SIGNALS = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)
#: seconds a new process needs before it can hear a signal at all
_DEAF = 0.2


def end_us() -> None:
    """From now on a stop signal raises Stopped."""
    for number in SIGNALS:
        signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Stopped


def be_deaf() -> None:
    """From now on nothing disturbs us."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


class PassOn:
    """Inside the block every stop signal is given to `tell`, in a thread.

    `tell` answers whether there was somebody to hear it; it is asked again until there is.
    """

    def __init__(self, tell: Callable[[int], bool]) -> None:
        self._tell = tell
        self._over = threading.Event()
        self._begun = time.monotonic()
        #: the signal that came, 0 = none
        self.number = 0

    def restart(self) -> None:
        """Somebody new has been started, who cannot hear yet."""
        self._begun = time.monotonic()

    def __enter__(self) -> PassOn:
        be_deaf()
        threading.Thread(target=self._listen, name="stop signals", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _listen(self) -> None:
        while True:
            number = signal.sigwait(SIGNALS)
            self.number = number
            while not self._over.wait(max(0.02, self._begun + _DEAF - time.monotonic())):
                try:
                    if self._tell(number):
                        break
                except Exception:  # the engine may be gone: whoever stopped us kills us in the end
                    continue
