"""Starts a step's process so that it outlives the engine, and finds it again.

Each process runs under a tiny shell in a session of its own. One file tells its whole story: it
is locked (by the kernel, for as long as anything of the step lives), says `started PID` before
the command begins and `exited CODE` when it has ended. So after a crash:

- the file ends with an exit code: take it;
- the lock is held: the step lives, wait for it;
- the file is empty and nobody holds the lock: it certainly never started;
- it has started, nobody holds the lock and there is no code: its outcome is lost.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from shutil import which

SHELL = "/bin/sh"
#: the descriptor the status file has inside the supervisor and everything below it
STATUS_FD = 9
# The traps keep a signal to the whole group from killing the supervisor before it can tell how
# the command ended; the command itself gets the default dispositions back. The shell's own
# remarks ("Terminated") stay out of the step's stderr, and `cd` must not leak its OLDPWD.
# The engine may have raised its own limit of descriptors; steps get the one it was given.
_DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
SCRIPT = (
    f"ulimit -Sn {_DESCRIPTORS}; "
    "trap : TERM INT HUP QUIT USR1 USR2 ALRM; "
    f'echo "started $$" >&{STATUS_FD}; '
    f'cd -- "$1" || {{ echo "exited 126" >&{STATUS_FD}; exit; }}; shift; unset OLDPWD; '
    f'exec 8>&2 2>/dev/null; "$@" 2>&8 8>&-; echo "exited $?" >&{STATUS_FD}'
)
# Python ignores these; a step expects the defaults.
_DEFAULT_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ", "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1")
)
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Fate(Enum):
    """What a status file says about an attempt without an exit code."""

    NOT_STARTED = "not started"
    ALIVE = "alive"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of a supervised process: its exit code, or what became of it."""

    fate: Fate | None
    pid: int = 0
    exit_code: int | None = None


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | str, status: Path, stdout: int, stderr: int
) -> int:
    """Start `argv` under a supervisor and return the supervisor's pid (also its group's).

    `status` is created if absent; `stdout` and `stderr` are open descriptors. Raises
    FileNotFoundError or PermissionError, naming the program, when it cannot be started, and
    BlockingIOError when the process of an earlier engine still runs.
    """
    program = find_program(argv[0], env.get("PATH", os.defpath), str(cwd))
    odd = [f"{name}={value}" for name, value in env.items() if not _SHELL_NAME.fullmatch(name)]
    # The shell drops variables it cannot name (`1`, `a-b`); env(1) puts them back.
    command = ["/usr/bin/env", *odd, program] if odd else [program]
    descriptor = os.open(status, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        null = _dev_null()
        return os.posix_spawn(
            SHELL,
            [SHELL, "-c", SCRIPT, "dagu", str(cwd), *command, *argv[1:]],
            env,
            file_actions=(
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, stdout, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
                (os.POSIX_SPAWN_DUP2, descriptor, STATUS_FD),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def _dev_null() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


@lru_cache(maxsize=256)
def find_program(name: str, path: str, cwd: str) -> str:
    """The absolute path of a program; a bare name must never become a shell builtin."""
    if os.sep in name:
        candidate = os.path.join(cwd, os.path.expanduser(name))
        if not os.path.exists(candidate):
            raise FileNotFoundError(2, "no such file", name)
        if os.path.isdir(candidate) or not os.access(candidate, os.X_OK):
            raise PermissionError(13, "not executable", name)
        return candidate
    found = which(name, path=path)
    if found is None:
        raise FileNotFoundError(2, "command not found", name)
    return os.path.abspath(found)


def read_story(status: Path) -> Story:
    """What the status file and its lock tell; never waits."""
    try:
        descriptor = os.open(status, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Story(Fate.NOT_STARTED)
    try:
        story = _parse(os.pread(descriptor, 200, 0))
        if story.exit_code is not None:
            return story
        held = not _lockable(descriptor)
        if held:
            return Story(Fate.ALIVE, story.pid)
        # The code may have been written between our read and our look at the lock.
        story = _parse(os.pread(descriptor, 200, 0))
        if story.exit_code is not None:
            return story
        return Story(Fate.LOST if story.pid else Fate.NOT_STARTED, story.pid)
    finally:
        os.close(descriptor)


def is_locked(status: Path) -> bool:
    """Whether the file is locked: something that the step started still lives (and kept its
    descriptors)."""
    try:
        descriptor = os.open(status, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lockable(descriptor)
    finally:
        os.close(descriptor)


def _lockable(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _parse(data: bytes) -> Story:
    pid, code = 0, None
    for line in data.split(b"\n")[:-1]:
        word, _, number = line.partition(b" ")
        if word == b"started" and number.isdigit():
            pid = int(number)
        elif word == b"exited" and number.isdigit():
            code = int(number)
    return Story(None if code is not None else Fate.LOST, pid, code)
