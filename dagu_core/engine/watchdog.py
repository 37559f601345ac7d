"""Names the code of a plugin that keeps the engine from working: one blocking call holds up every run
of the process, and none of them could say why."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Callable, Coroutine
from time import monotonic
from types import FrameType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from msgspec import Struct

T = TypeVar("T")

#: seconds without a sign of life of the event loop after which somebody is told; between two signs
LIMIT, BEAT = 5.0, 1.0
_STANDARD = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
_OURS = __name__.partition(".")[0] + "."


class _Watched(Struct):
    """Code of a plugin at work: what to call it, and who keeps a note of what it did."""

    label: str
    note: Callable[[str], None]


class Watchdog:
    """Watches one event loop from a thread, as long as code of plugins is at work in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._thread = loop, threading.get_ident()
        self._at_work: dict[asyncio.Task[Any], _Watched] = {}
        self._beaten_at = monotonic()
        self._beat: asyncio.TimerHandle | None = None
        self._rest = threading.Event()
        #: who blocks the loop and where, while it does
        self._culprit: tuple[_Watched | None, str] | None = None

    def watch(self, task: asyncio.Task[Any], watched: _Watched) -> None:
        """Begin to watch a task."""
        self._at_work[task] = watched
        if self._beat is None:
            self._live()
            self._rest = threading.Event()
            threading.Thread(target=self._look, args=(self._rest,), name="watchdog", daemon=True).start()

    def forget(self, task: asyncio.Task[Any]) -> None:
        """The task is over; without any other one the thread goes home."""
        self._tell()
        del self._at_work[task]
        if not self._at_work and self._beat is not None:
            self._beat.cancel()
            self._beat = None
            self._rest.set()

    def _live(self) -> None:
        self._tell()
        self._beaten_at = monotonic()
        self._beat = self._loop.call_later(BEAT, self._live)

    def _tell(self) -> None:
        """The loop works again: put what held it up on record."""
        if self._culprit is None:
            return
        (watched, where), self._culprit = self._culprit, None
        if watched is not None:
            seconds = monotonic() - self._beaten_at
            watched.note(f"{watched.label} kept the engine from working for {seconds:.0f} s, in {where}")

    def _look(self, rest: threading.Event) -> None:
        suspect = 0.0
        while not rest.wait(BEAT):
            if self._culprit is not None or monotonic() - self._beaten_at < LIMIT or self._loop.is_closed():
                continue
            if suspect != self._beaten_at:
                # All of us may have been frozen a moment ago: then the loop shows life before the next look.
                suspect = self._beaten_at
                continue
            task = asyncio.current_task(self._loop)
            watched = self._at_work.get(task) if task is not None else None
            where = _place(sys._current_frames().get(self._thread))
            self._culprit = (watched, where)
            label = watched.label if watched is not None else "something"
            sys.stderr.write(
                f"warning: {label} keeps the engine from working, in {where}: no step of this process "
                "can end, time out or be stopped meanwhile. Let it `await`, or make it a BlockingExecutor\n"
            )


def _place(frame: FrameType | None) -> str:
    """Where the program stands: `file:line` of the innermost code that is neither Python's nor ours."""
    inner, found = frame, frame
    while found is not None:
        name, file = str(found.f_globals.get("__name__", "")), found.f_code.co_filename
        if not (file.startswith(_STANDARD) and "site-packages" not in file) and not name.startswith(_OURS):
            break
        found = found.f_back
    at = found or inner
    return f"{at.f_code.co_filename}:{at.f_lineno}" if at is not None else "a place nobody knows"


_watchdogs: WeakKeyDictionary[asyncio.AbstractEventLoop, Watchdog] = WeakKeyDictionary()


async def watched(work: Coroutine[Any, Any, T], label: str, note: Callable[[str], None]) -> T:
    """The result of `work`, done under the eyes of the loop's watchdog. Run it in a task of its own."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    if (watchdog := _watchdogs.get(loop)) is None:
        watchdog = _watchdogs[loop] = Watchdog(loop)
    watchdog.watch(task, _Watched(label, note))
    try:
        return await work
    finally:
        watchdog.forget(task)
