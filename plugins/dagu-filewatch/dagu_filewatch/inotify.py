"""What the kernel of Linux tells about folders, by one descriptor for all triggers of a process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
import threading
from functools import cache
from weakref import WeakKeyDictionary

from dagu_core import FileSign

#: seconds in which what comes close together is gathered: both halves of a move, storms of writes
GATHER = 0.05
#: whether this kernel has it
IS_HERE = sys.platform.startswith("linux")
_EVENT = struct.Struct("iIII")
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _EXCLUDE_UNLINKED = 0x1000000, 0x4000000
_MASK = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
)
_SELF = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED


class Subscription:
    """What one trigger wants to know. `woken` is set when there is something to `take`."""

    def __init__(self, hub: Inotify | None) -> None:
        self._hub = hub
        self.woken = asyncio.Event()
        self._signs: dict[str, FileSign] = {}
        self._lost = False

    def take(self) -> tuple[dict[str, FileSign], bool]:
        """The paths that were touched since the last time, and whether anything may be missing."""
        signs, lost = self._signs, self._lost
        self._signs, self._lost = {}, False
        self.woken.clear()
        return signs, lost

    def add(self, folder: str) -> None:
        """Watch a folder, not what lies below. Raises OSError. May be called by any thread."""
        if self._hub is not None:
            self._hub.add(folder, self)

    def forget(self, folder: str) -> None:
        """Watch a folder no longer."""
        if self._hub is not None:
            self._hub.remove(folder, self)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._hub is not None:
            self._hub.drop(self)

    def tell(self, path: str, sign: FileSign) -> None:
        """Somebody touched `path`. A bare touch does not change what is known."""
        if sign or path not in self._signs:
            self._signs[path] = sign
        self.woken.set()

    def tell_lost(self) -> None:
        """Things happened that nobody can name."""
        self._lost = True
        self.woken.set()


class Inotify:
    """One inotify descriptor, shared by the subscriptions of an event loop.

    The kernel gives a user few descriptors (128) but many watches.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptor = _checked(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        #: a folder with two names has one number
        self._names: dict[int, dict[str, set[Subscription]]] = {}
        self._numbers: dict[str, int] = {}
        self._subscriptions: set[Subscription] = set()
        # Numbers are given out by threads that walk, and read by the loop.
        self._lock = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        loop.add_reader(self._descriptor, self._readable)

    @classmethod
    def subscribe(cls) -> Subscription:
        """A subscription at the descriptor of the running loop. Raises OSError when there is none."""
        loop = asyncio.get_running_loop()
        hub = _hubs.get(loop)
        if hub is None:
            hub = _hubs[loop] = cls(loop)
        subscription = Subscription(hub)
        hub._subscriptions.add(subscription)
        return subscription

    def add(self, folder: str, subscription: Subscription) -> None:
        """Watch `folder` for `subscription`."""
        with self._lock:
            if subscription not in self._subscriptions:
                return  # a walk that goes on after it was given up
            flags = _MASK | _ONLY_FOLDERS | _EXCLUDE_UNLINKED
            number = _checked(_libc().inotify_add_watch(self._descriptor, os.fsencode(folder), flags))
            before = self._numbers.get(folder)
            if before is not None and before != number:
                # The name belongs to another folder now, which all who knew it want to see.
                names = self._names.get(before, {})
                self._names.setdefault(number, {}).setdefault(folder, set()).update(names.pop(folder, ()))
                self._release(before)
            self._numbers[folder] = number
            self._names.setdefault(number, {}).setdefault(folder, set()).add(subscription)

    def remove(self, folder: str, subscription: Subscription) -> None:
        """End the watch of `folder` for `subscription`."""
        with self._lock:
            number = self._numbers.get(folder)
            if number is None:
                return
            names = self._names.get(number, {})
            wanted_by = names.get(folder, set())
            wanted_by.discard(subscription)
            if not wanted_by:
                names.pop(folder, None)
                del self._numbers[folder]
                self._release(number)

    def drop(self, subscription: Subscription) -> None:
        """End all watches of `subscription`, and the descriptor with the last one."""
        with self._lock:
            self._subscriptions.discard(subscription)
            last = not self._subscriptions
        if last:
            self._close()
            return
        for folder in list(self._numbers):
            self.remove(folder, subscription)

    def _release(self, number: int) -> None:
        if not self._names.get(number):
            self._names.pop(number, None)
            _libc().inotify_rm_watch(self._descriptor, number)

    def _close(self) -> None:
        _hubs.pop(self._loop, None)
        if self._timer is not None:
            self._timer.cancel()
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
        with self._lock:
            os.close(self._descriptor)
            self._descriptor = -1

    def _readable(self) -> None:
        # Reading a little later costs a storm of writes twenty wake-ups a second, not thousands.
        self._loop.remove_reader(self._descriptor)
        self._timer = self._loop.call_later(GATHER, self._read)

    def _read(self) -> None:
        self._timer = None
        try:
            for _ in range(64):
                self._tell(os.read(self._descriptor, 1 << 16))
        except BlockingIOError:
            pass
        self._loop.add_reader(self._descriptor, self._readable)

    def _tell(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            name = os.fsdecode(data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0"))
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                for subscription in self._subscriptions:
                    subscription.tell_lost()
                continue
            with self._lock:
                found = [(folder, list(them)) for folder, them in self._names.get(number, {}).items()]
                if mask & _IGNORED:
                    for folder, _ in found:
                        self._numbers.pop(folder, None)
                    self._names.pop(number, None)
            for folder, them in found:
                path = folder if mask & _SELF or not name else f"{folder.rstrip('/')}/{name}"
                for subscription in them:
                    subscription.tell(path, _sign(mask))


def _sign(mask: int) -> FileSign:
    if mask & _IS_FOLDER or mask & _SELF:
        return FileSign.TOUCHED
    if mask & _MOVED_TO:
        return FileSign.MOVED
    if mask & _CLOSE_WRITE:
        return FileSign.CLOSED
    return FileSign.OPEN if mask & (_CREATE | _MODIFY) else FileSign.TOUCHED


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


#: a loop has one, whoever needs it first makes it; triggers know nothing of each other
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Inotify] = WeakKeyDictionary()
