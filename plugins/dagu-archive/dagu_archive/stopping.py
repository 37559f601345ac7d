"""A stop that comes while something must not be left half."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from dagu_core.contracts.work import Stopped

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def once() -> None:
    """Let the first stop raise, and no second one interrupt the tidying up after it."""
    for number in _SIGNALS:
        signal.signal(number, _raise)


def _raise(number: int, frame: object) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


class Held:
    """Whether a stop has come since, and whether it still changes anything."""

    def __init__(self) -> None:
        self.asked = False
        self.is_done = False

    def done(self) -> None:
        """All is in place: what is left is tidying up, and no stop can undo the rest."""
        self.is_done = True

    def note(self, number: int, frame: object) -> None:
        """Remember the stop."""
        self.asked = True


@contextmanager
def held() -> Iterator[Held]:
    """Keep a stop until the end of the block; who takes long looks at `asked`."""
    stop = Held()
    before = [signal.signal(number, stop.note) for number in _SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, signal.SIG_IGN if stop.is_done else handler)
    if stop.asked and not stop.is_done:
        _raise(signal.SIGTERM, None)
