"""What kernels other than Linux tell about folders, through watchfiles.

They do not say who closed a file and tell a move as two things: what is told here are paths to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Sequence

from dagu_core import FileSign
from dagu_filewatch.inotify import Subscription


class NativeSubscription(Subscription):
    """Watches the topmost folders of an entry with all that is in them, each by a thread."""

    def __init__(self, bases: Sequence[str]) -> None:
        super().__init__(None)
        self._loop = asyncio.get_running_loop()
        self._bases = bases
        self._threads: dict[str, tuple[tuple[int, int], threading.Event]] = {}

    def add(self, folder: str) -> None:
        if folder not in self._bases:
            return  # comes with the folder above it
        found = os.stat(folder)
        identity = found.st_dev, found.st_ino
        if folder in self._threads:
            if self._threads[folder][0] == identity:
                return
            self.forget(folder)  # goes on silently with the folder that had this name before
        stop = threading.Event()
        self._threads[folder] = identity, stop
        ready = threading.Event()
        threading.Thread(
            target=self._watch, args=(folder, stop, ready), name="file trigger", daemon=True
        ).start()
        ready.wait(5.0)

    def forget(self, folder: str) -> None:
        if folder in self._threads:
            self._threads.pop(folder)[1].set()

    def close(self) -> None:
        for folder in list(self._threads):
            self.forget(folder)

    def _watch(self, folder: str, stop: threading.Event, ready: threading.Event) -> None:
        from watchfiles._rust_notify import RustNotify

        # Some kernels tell real paths, whatever path was asked for.
        real = os.path.realpath(folder)
        try:
            with RustNotify([folder], False, False, 300, True, True) as kernel:
                ready.set()
                while isinstance(found := kernel.watch(100, 50, 60_000, stop), set) or found == "timeout":
                    for _, path in found if isinstance(found, set) else ():
                        below = (
                            path.removeprefix(real) if path.startswith(real) else path.removeprefix(folder)
                        )
                        with contextlib.suppress(RuntimeError):  # the loop is closed
                            self._loop.call_soon_threadsafe(self.tell, folder + below, FileSign.TOUCHED)
        except OSError:
            # It went between two looks; the next one that finds it watches it again.
            if self._threads.get(folder, (None, None))[1] is stop:
                del self._threads[folder]
        finally:
            ready.set()
