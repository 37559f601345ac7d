"""Waits for supervised processes and ends them, with everything they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from msgspec import Struct, field

from dagu_core.contracts.executor import MARK
from dagu_core.engine.kernel import is_held
from dagu_core.engine.status_file import Fate, Story, read_story
from dagu_core.engine.supervision import Started
from dagu_core.engine.supervisor import STATUS_FD

#: seconds to wait for children that still hold the step's output after its main process ended
DRAIN = 2.0
_POLL = 0.02
#: macOS has none: there a process group is all that can be known
_HAS_PROC = os.path.isdir("/proc/self")


class Ended(Struct):
    """How a supervised process ended; `exit_code` None = unknown. `killed` = it took SIGKILL."""

    exit_code: int | None
    killed: bool = False
    warnings: list[str] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)


class Supervised(Struct):
    """A running supervised process: one of ours (`started`), or one an earlier engine ordered
    (`pid`), which is watched from the outside."""

    status: str
    token: str
    started: Started | None = None
    pid: int = 0
    detach: bool = False

    async def wait(self) -> Ended:
        """Wait for the end of the main process, then up to DRAIN seconds for its output.

        Raises OSError when the supervisor could not start it.
        """
        ended = await self._end_of_main()
        if ended.exit_code is None:
            # What is left of the step has nobody to report to any more.
            await self.kill()
            return ended
        if self.detach or not self.lives():
            return ended
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN
        while self.lives() and loop.time() < until:
            await asyncio.sleep(_POLL)
        if left := self.members():
            ended.warnings.append(f"output still open by pid {', '.join(map(str, left))}; ended it")
            await self.kill()
        return ended

    async def _end_of_main(self) -> Ended:
        if self.started is not None:
            ending = await self.started.ended
            return Ended(ending.exit_code, usage=ending.usage)
        if sys.platform != "linux" or self.pid in self.members():
            await _gone(self.pid)
        # Its supervisor writes the code right after; when that is dead too, the lock goes free.
        while (story := read_story(self.status)).fate is Fate.ALIVE and self._main_lives():
            await asyncio.sleep(_POLL)
        for _ in range(100):
            if story.fate is None or story.fate is Fate.LOST:
                break
            await asyncio.sleep(_POLL)
            story = read_story(self.status)
        return Ended(story.exit_code)

    def _main_lives(self) -> bool:
        return self.pid in self.members()

    async def stop(self, number: int, grace: float) -> Ended:
        """Send signal `number` to the whole tree, kill what is left after `grace` seconds."""
        main = asyncio.ensure_future(self._end_of_main())
        loop = asyncio.get_running_loop()
        if self.started is not None:
            # A signal sent before there is anybody to hear it would be lost.
            either: set[asyncio.Future[Any]] = {self.started.pid, main}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        deadline, repeat = loop.time() + grace, loop.time()
        try:
            while not main.done() or self.lives():
                now = loop.time()
                if now >= deadline:
                    await self.kill()
                    await asyncio.wait({main}, timeout=DRAIN)
                    return Ended(read_story(self.status).exit_code, killed=True)
                if now >= repeat:
                    self.signal(number)
                    repeat = now + 5.0
                if main.done():
                    await asyncio.sleep(_POLL)
                else:
                    await asyncio.wait({main}, timeout=_POLL)
            return Ended(read_story(self.status).exit_code)
        finally:
            main.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await main

    def signal(self, number: int) -> None:
        """Send a signal once to everything of the attempt: its group, and whatever left it."""
        group = self.main_pid()
        ours = self._group_is_ours()
        if ours:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if not ours or os.getpgid(pid) != group:
                    os.kill(pid, number)

    def _group_is_ours(self) -> bool:
        """Whether the group's leader is proven alive; a reused number may be a stranger's."""
        if self.started is not None:
            return self.started.pid.done() and not self.started.ended.done()
        if _HAS_PROC:
            # The lock proves nothing here: what left the group holds it, too.
            return self.pid in self.members()
        return bool(self.pid) and is_held(str(self.status)) and _leads(self.pid)

    async def kill(self) -> None:
        """SIGKILL until nothing of the attempt is left (a fork may race with one pass)."""
        for _ in range(50):
            self.signal(signal.SIGKILL)
            killed = monotonic()
            # Whoever kills others meanwhile looks with us, once for all.
            await asyncio.sleep(_POLL)
            if not self.members(since=killed) and not self.lives():
                return

    def lives(self) -> bool:
        """Whether anything of the attempt (that kept its descriptors, or its group) lives."""
        if is_held(str(self.status)):
            return True
        group = self.main_pid()
        if not group:
            return False
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return bool(self.members(since=monotonic())) or not _HAS_PROC

    def main_pid(self) -> int:
        """The main process, which leads the group; 0 = not known (yet)."""
        if self.started is not None and self.started.pid.done():
            return self.started.pid.result()
        return self.pid

    def members(self, since: float = 0.0) -> list[int]:
        """Living processes of the attempt, whatever group or session they are in. A pid alone proves
        nothing: it may belong to a stranger by now. `since`: see `marked_processes`."""
        return marked_processes(self.token, self.status, since)


def _leads(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


async def attach(status: str, token: str, *, detach: bool = False) -> Story | Supervised:
    """The process an earlier engine ordered: running (take it over), or what became of it.

    Waits the instant in which the process is being started and has no pid yet.
    """
    while True:
        story = read_story(status)
        if story.fate is not Fate.ALIVE:
            return story
        if story.pid:
            return Supervised(status, token, pid=story.pid, detach=detach)
        await asyncio.sleep(_POLL)


class _Look(Struct, frozen=True):
    """The marked processes that lived `at` (monotonic seconds), by their mark and by the status file
    they keep where the supervisor put it: a program may have cleared its environment. It is good
    `until` then, longer where looking takes long."""

    at: float
    until: float
    by_mark: dict[bytes, list[int]]
    by_status: dict[str, list[int]]


_last = _Look(float("-inf"), float("-inf"), {}, {})


def marked_processes(token: str, status: str, since: float = 0.0) -> list[int]:
    """Pids of living processes whose environment has the mark `token`, or which keep the file `status`.

    A thousand steps that end together share one look at all processes, which is a moment old at
    most, and not older than `since` (monotonic seconds).
    """
    global _last
    if _last.at < since or _last.until < monotonic():
        _last = _look()
    found = [*_last.by_mark.get(os.fsencode(token), ()), *_last.by_status.get(status, ())]
    return list(dict.fromkeys(found))


def _look() -> _Look:
    at = monotonic()
    by_mark: dict[bytes, list[int]] = {}
    by_status: dict[str, list[int]] = {}
    prefix = f"{MARK}=".encode()
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                environ = Path(f"/proc/{entry.name}/environ").read_bytes()
                for variable in environ.split(b"\0") if prefix in environ else ():
                    if variable.startswith(prefix):
                        by_mark.setdefault(variable.removeprefix(prefix), []).append(int(entry.name))
                status = os.readlink(f"/proc/{entry.name}/fd/{STATUS_FD}")
                by_status.setdefault(status, []).append(int(entry.name))
    now = monotonic()
    return _Look(at, now + _POLL + 3 * (now - at), by_mark, by_status)


async def _gone(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    if not hasattr(os, "pidfd_open"):
        while True:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            await asyncio.sleep(0.1)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
