"""Tells when the clock of the machine is set, or goes on after the machine has slept: by the kernel
on Linux, so that nobody needs to look at the clock again and again."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
import sys
from typing import Any

_REALTIME, _ABSOLUTE, _CANCELLED_WHEN_SET = 0, 1, 2
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
#: an instant that never comes: the timer is there to be cancelled
_NEVER = struct.pack("@4l", 0, 0, 1 << 33 if sys.maxsize > 1 << 32 else (1 << 31) - 1, 0)


class ClockWatch:
    """`with` it in a running loop: `event` is set when the clock was set. `tells` is False where the
    kernel does not know how to tell."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event
        self._descriptor = -1

    @property
    def tells(self) -> bool:
        """Whether the kernel tells."""
        return self._descriptor >= 0

    def __enter__(self) -> ClockWatch:
        if _libc is not None:
            self._descriptor = int(_libc.timerfd_create(_REALTIME, _FLAGS))
        if self._descriptor >= 0 and not self._arm():
            self._close()
        if self._descriptor >= 0:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._close()

    def _arm(self) -> bool:
        flags = _ABSOLUTE | _CANCELLED_WHEN_SET
        return int(_libc.timerfd_settime(self._descriptor, flags, _NEVER, None)) == 0

    def _read(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return
            if error.errno != errno.ECANCELED:
                raise
        self._arm()
        self._event.set()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
if not hasattr(_libc, "timerfd_create"):
    _libc = None
