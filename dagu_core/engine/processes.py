"""Waits for supervised processes and ends them, with everything they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dagu_core.engine.supervisor import Fate, Story, is_locked, read_story

#: seconds to wait for children that still hold the step's output after its main process ended
DRAIN = 2.0
_POLL = 0.02
#: environment variable that marks every process of an attempt
TOKEN = "DAGU_ATTEMPT_TOKEN"  # noqa: S105


@dataclass(slots=True)
class Ended:
    """How a supervised process ended; `exit_code` None = unknown. `killed` = it took SIGKILL."""

    exit_code: int | None
    killed: bool = False
    warnings: list[str] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Supervised:
    """A running supervised process. `ours` = it is a child of this engine and must be reaped."""

    pid: int
    status: Path
    token: str
    ours: bool = True
    detach: bool = False

    async def wait(self) -> Ended:
        """Wait for the end of the main process, then up to DRAIN seconds for its output."""
        usage = await _exit_of(self.pid, self.ours, self.status)
        story = read_story(self.status)
        ended = Ended(story.exit_code, usage=usage)
        if story.exit_code is not None and not self.lives():
            return ended
        if story.exit_code is None:
            # Somebody killed the supervisor: what is left of the step has nobody to report to.
            await self.kill()
            return ended
        if self.detach:
            return ended
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN
        while self.lives() and loop.time() < until:
            await asyncio.sleep(_POLL)
        if self.lives():
            left = ", ".join(str(pid) for pid in self.members()) or "unknown"
            ended.warnings.append(f"output still open by pid {left}; ended it")
            await self.kill()
        return ended

    async def stop(self, number: int, grace: float) -> Ended:
        """Send signal `number` to the whole tree, kill what is left after `grace` seconds."""
        waiting = asyncio.ensure_future(_exit_of(self.pid, self.ours, self.status))
        loop = asyncio.get_running_loop()
        deadline, repeat = loop.time() + grace, loop.time()
        try:
            while not waiting.done() or self.lives():
                now = loop.time()
                if now >= deadline:
                    await self.kill()
                    await asyncio.wait({waiting}, timeout=DRAIN)
                    return Ended(read_story(self.status).exit_code, killed=True)
                if now >= repeat:
                    self.signal(number)
                    repeat = now + 5.0
                await asyncio.wait({waiting}, timeout=_POLL)
                if waiting.done() and self.lives():
                    await asyncio.sleep(_POLL)
            return Ended(read_story(self.status).exit_code)
        finally:
            waiting.cancel()

    def signal(self, number: int) -> None:
        """Send a signal to the session's group and to whatever left it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
        for pid in self.strays():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    async def kill(self) -> None:
        """SIGKILL until nothing of the attempt is left (a fork may race with one pass)."""
        for _ in range(50):
            self.signal(signal.SIGKILL)
            reap_strays()
            if not self.lives() and not self.strays():
                return
            await asyncio.sleep(_POLL)

    def lives(self) -> bool:
        """Whether anything of the attempt, apart from a reaped supervisor, still lives."""
        return is_locked(self.status) or _group_lives(self.pid)

    def members(self) -> list[int]:
        """Pids of what is left, for messages."""
        return sorted(set(self.strays()) | set(_group_members(self.pid)))

    def strays(self) -> list[int]:
        """Processes that carry the attempt's mark in their environment, group or not."""
        return marked_processes(f"{TOKEN}={self.token}".encode())


def attach(status: Path, token: str, *, detach: bool = False) -> Story | Supervised:
    """The process an earlier engine started: running (take it over), or what became of it."""
    story = read_story(status)
    if story.fate is Fate.ALIVE and story.pid:
        return Supervised(story.pid, status, token, ours=False, detach=detach)
    return story


async def attach_patiently(status: Path, token: str, *, detach: bool = False) -> Story | Supervised:
    """As `attach`; waits the instant in which the process exists but has not said so yet."""
    while True:
        found = attach(status, token, detach=detach)
        if isinstance(found, Supervised) or found.fate is not Fate.ALIVE:
            return found
        await asyncio.sleep(_POLL)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return any(True for _ in _group_members(group)) if sys.platform == "linux" else True


def _group_members(group: int) -> list[int]:
    return [pid for pid, pgid, state in _processes() if pgid == group and state not in ("Z", "X")]


def _processes() -> list[tuple[int, int, str]]:
    """(pid, process group, state) of every process; empty where there is no /proc."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    stat = Path(f"/proc/{entry.name}/stat").read_bytes().rpartition(b") ")[2].split()
                    found.append((int(entry.name), int(stat[2]), stat[0].decode()))
    return found


def marked_processes(mark: bytes) -> list[int]:
    """Pids of living processes whose environment holds exactly `mark` (NAME=value)."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                environ = Path(f"/proc/{entry.name}/environ").read_bytes()
                if mark in environ.split(b"\0"):
                    found.append(int(entry.name))
    return found


async def _exit_of(pid: int, ours: bool, status: Path) -> dict[str, float]:
    """Wait until process `pid` has ended; reap it when it is our child. Returns its usage."""
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return _reap(pid) if ours else {}
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, _wake, ended)
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    elif ours:
        return await asyncio.to_thread(_reap, pid)
    else:
        while is_locked(status) and read_story(status).exit_code is None:
            await asyncio.sleep(0.1)
        return {}
    return _reap(pid) if ours else {}


async def wait_for_child(pid: int) -> None:
    """Wait for a child that has no status file (a filter) and reap it."""
    await _exit_of(pid, True, Path())


def _wake(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _reap(pid: int) -> dict[str, float]:
    try:
        _, _, usage = os.wait4(pid, 0)
    except ChildProcessError:
        return {}
    return {"cpu_seconds": usage.ru_utime + usage.ru_stime, "max_rss_kib": float(usage.ru_maxrss)}


def become_subreaper() -> bool:
    """Adopt what steps leave behind instead of losing it to init; Linux only."""
    if sys.platform != "linux":
        return False
    import ctypes

    pr_set_child_subreaper = 36
    return ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0


#: supervisors this process has started and must reap itself
own_children: set[int] = set()


def reap_strays() -> None:
    """Reap adopted processes that have ended, so that none stays defunct."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()
    except OSError:
        return
    for text in listed:
        pid = int(text)
        if pid not in own_children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
