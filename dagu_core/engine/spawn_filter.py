"""Starts the filter of a step: a process that masks and copies what the step writes."""

from __future__ import annotations

import fcntl
import marshal
import os
import sys
from typing import Any


def spawn_filter(wanted: dict[str, Any]) -> tuple[int, int, int]:
    """(pid of the filter, write end of its stdout pipe, of its stderr pipe): one and the same when there
    is one stream. Raises OSError."""
    writes, reads, count = [], [], len(wanted["orders"]["streams"])
    for _ in range(count + 1):
        read, write = os.pipe()
        reads.append(read)
        writes.append(write)
    lock = os.open(wanted["lock"], os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for descriptor in (lock, *reads[:count]):
        os.set_inheritable(descriptor, True)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", wanted["boot"], *map(str, reads[:count])],
        {"PATH": os.environ.get("PATH", os.defpath)},
        file_actions=[(os.POSIX_SPAWN_DUP2, reads[-1], 0)],
        setsid=True,
    )
    for descriptor in (*reads, lock):
        os.close(descriptor)
    with os.fdopen(writes.pop(), "wb") as pipe:
        # The secrets travel through a pipe, never through arguments or files.
        pipe.write(marshal.dumps(wanted["orders"]))
    return pid, writes[0], writes[-1]
