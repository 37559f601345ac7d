"""The file that tells the whole story of one supervised process.

It is locked (by the kernel, for as long as anything of the step lives), says `starting` before
the command begins, `started PID` once it has, and `exited CODE` when it has ended. After a crash:

- the file ends with an exit code: take it;
- the lock is held: the step lives, wait for it;
- the file is missing, or empty and not locked: the step certainly never started;
- it has begun, nobody holds the lock and there is no code: its outcome is lost.
"""

from __future__ import annotations

import fcntl
import os
from enum import Enum
from pathlib import Path

from msgspec import Struct


class Fate(Enum):
    """What a status file says about an attempt without an exit code."""

    NOT_STARTED = "not started"
    ALIVE = "alive"
    LOST = "lost"


class Story(Struct, frozen=True):
    """What is known of a supervised process: its exit code, or what became of it."""

    fate: Fate | None
    pid: int = 0
    exit_code: int | None = None


def read_story(status: str | Path) -> Story:
    """What the status file and its lock tell; never waits."""
    try:
        descriptor = os.open(status, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Story(Fate.NOT_STARTED)
    try:
        story, begun = _parse(os.pread(descriptor, 200, 0))
        if story.exit_code is not None:
            return story
        if not _lockable(descriptor):
            return Story(Fate.ALIVE, story.pid)
        # The code may have been written between our read and our look at the lock.
        story, begun = _parse(os.pread(descriptor, 200, 0))
        if story.exit_code is not None:
            return story
        return Story(Fate.LOST if begun else Fate.NOT_STARTED, story.pid)
    finally:
        os.close(descriptor)


def _lockable(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _parse(data: bytes) -> tuple[Story, bool]:
    """The story, and whether the process had begun; a line without its end does not count."""
    pid, code, begun = 0, None, False
    for line in data.split(b"\n")[:-1]:
        word, _, number = line.partition(b" ")
        begun = begun or word == b"starting"
        if word == b"started" and number.isdigit():
            pid = int(number)
        elif word == b"exited" and number.isdigit():
            code = int(number)
    return Story(None if code is not None else Fate.LOST, pid, code), begun
