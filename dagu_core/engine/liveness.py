"""Kernel-proof liveness of engines on one host: a lock held by the process, never a clock; and how
the living are woken."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from dagu_core.engine.logs import FILE_MODE, make_folder


def host_name() -> str:
    """The name under which this machine owns runs."""
    return socket.gethostname()


class EngineLock:
    """Proof that this engine lives: a locked file that holds its pid, gone when it ends well."""

    def __init__(self, data: Path, engine: str) -> None:
        self.engine = engine
        self.path = _path(data, engine)
        self._descriptor = -1

    def hold(self) -> None:
        """Take the lock. Raises OSError when the data folder cannot be written."""
        make_folder(self.path.parent)
        while True:
            self._descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if os.fstat(self._descriptor).st_nlink:
                break
            os.close(self._descriptor)  # somebody swept it away before we had the lock
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self, *, leaving_runs: bool = False) -> None:
        """Let go; the file goes first, so that nobody finds an unlocked one.

        Whoever leaves runs behind leaves the file as well: it says that somebody should look.
        """
        if self._descriptor >= 0:
            if not leaving_runs:
                with contextlib.suppress(FileNotFoundError):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


def living_pid(data: Path, engine: str) -> int | None:
    """The pid of a living engine on this host; None when the kernel says it is dead."""
    if not engine:
        return None
    try:
        descriptor = os.open(_path(data, engine), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(descriptor, 32, 0).strip()
            return int(text) if text.isdigit() else os.getpid()
        return None
    finally:
        os.close(descriptor)


def stands_still(pid: int) -> bool:
    """Whether somebody has stopped the process (SIGSTOP, a debugger): it lives, and does nothing."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state in b"Tt"


def died_at(data: Path, engine: str) -> float | None:
    """About when a dead engine was last heard of (its lock file's time), if that is known."""
    with contextlib.suppress(OSError):
        return _path(data, engine).stat().st_mtime
    return None


def poke(data: Path, engine: str) -> bool:
    """Wake a living engine so that it looks at its signals at once; whether there is one."""
    pid = living_pid(data, engine)
    if pid is None:
        return False
    if pid == os.getpid() and signal.getsignal(signal.SIGUSR1) in (signal.SIG_DFL, None):
        return True  # nobody listens in this process (a loop outside the main thread): it will look soon
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGUSR1)
        return True
    return False


class Ear:
    """Calls `heard` on the running loop whenever this process is poked.

    From the beginning the poke never has its default effect, and it stays without one after the
    end: whoever saw us alive may send it a moment later.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        before: Any = None

        def poked(number: int, frame: Any) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(heard)
            if callable(before):
                before(number, frame)

        self._now: Any = None
        with contextlib.suppress(ValueError):  # outside the main thread nobody hears
            before = signal.signal(signal.SIGUSR1, poked)
            # Not "ignored": whatever is started later in this process would inherit that.
            self._now, self._then = poked, _unheard if before == signal.SIG_DFL else before

    def close(self) -> None:
        """Hear no more; whoever heard before does so again."""
        if self._now is not None and signal.getsignal(signal.SIGUSR1) is self._now:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGUSR1, self._then)


def _unheard(number: int, frame: Any) -> None:
    """A poke for somebody who is gone."""


def hear(numbers: Iterable[signal.Signals], react: Callable[[signal.Signals], object]) -> bool:
    """Have the running loop call `react` with each of these signals that comes; False where it cannot
    (outside the main thread)."""
    loop = asyncio.get_running_loop()
    try:
        for number in numbers:
            loop.add_signal_handler(number, react, number)
    except (NotImplementedError, RuntimeError, ValueError):
        return False
    return True


def dead_engines(data: Path) -> list[str]:
    """The engines of this host that died, or left runs behind, and were not swept away yet."""
    names = [path.stem for path in locks_folder(data).glob("*.lock")]
    return [name for name in names if living_pid(data, name) is None]


def forget_dead(data: Path, keep: Collection[str] = ()) -> None:
    """Remove the lock files of dead engines; those in `keep` still tell when they died."""
    for path in locks_folder(data).glob("*.lock"):
        if path.stem in keep:
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def locks_folder(data: Path) -> Path:
    """Where the locks are: a file in it is closed when its engine ends, however it ends."""
    return data / "engines"


def _path(data: Path, engine: str) -> Path:
    return locks_folder(data) / f"{engine}.lock"
