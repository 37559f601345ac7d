"""Whether the other machine is still there."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Transport

_MISSES = 3
_TICK = 0.5


class Pulse:
    """Asks for a sign of life every `interval` seconds, and closes a connection that gives none.

    TCP alone notices a peer that vanished after a quarter of an hour, and one behind a jump host never.
    """

    def __init__(self, transport: Transport, interval: float) -> None:
        self._transport, self._interval = transport, interval
        self._silent = 0.0
        if interval:
            threading.Thread(target=self._ask, daemon=True).start()
            threading.Thread(target=self._watch, daemon=True).start()

    def beat(self) -> None:
        """Something came from there."""
        self._silent = 0.0

    def has_stopped(self) -> bool:
        """Whether the connection is gone; waits a moment, because its channels close before it does."""
        self._transport.join(1.0)
        return not self._transport.is_active()

    def _ask(self) -> None:
        with contextlib.suppress(Exception):  # a broken connection is seen by who waits for the command
            while self._transport.is_active():
                # Whether it says yes or no: an answer is an answer.
                self._transport.global_request("keepalive@openssh.com", wait=True)
                self.beat()
                time.sleep(self._interval)

    def _watch(self) -> None:
        # Counts ticks of its own: a process that was frozen for an hour has not waited for an hour.
        while self._transport.is_active():
            time.sleep(_TICK)
            self._silent += _TICK
            if self._silent > self._interval * _MISSES:
                self._transport.close()
