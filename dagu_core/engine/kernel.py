"""Small dealings with the system that engine, supervisor and filter share.

Imports nothing but small built-in modules: the supervisor must be up before the engine has read
its files.
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os
import signal
import sys
from typing import Any

#: bytes in which systems hand out the space of a disk
_BLOCK = 4096
_STOPPED = b"\n[log stopped: no space left]\n"
_APPEND = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


def is_held(path: str) -> bool:
    """Whether a file is locked: of a status file, that something the step started still lives (and
    kept its descriptors)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_removed(descriptor: int) -> bool:
    """Whether somebody has removed a file that is open here."""
    return not os.fstat(descriptor).st_nlink


def open_log(path: str) -> int:
    """Open a log for appending; recreates its folder when somebody removed it."""
    try:
        return os.open(path, _APPEND, 0o600)
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        return os.open(path, _APPEND, 0o600)


def open_files(status: str, logs: list[str]) -> list[int]:
    """Open what a step needs: its status file (locked), then its logs, each once.

    Raises OSError; EEXIST when another supervisor has started this very attempt.
    """
    opened = [os.open(status, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)]
    try:
        # Lock, then look: of two supervisors with the same order exactly one goes on.
        try:
            fcntl.flock(opened[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(errno.EEXIST, "started already", status) from None
        if os.fstat(opened[0]).st_size:
            raise FileExistsError(errno.EEXIST, "started already", status)
        for log in dict.fromkeys(logs):
            opened.append(open_log(log))
    except BaseException:
        close(opened)
        raise
    return opened


def make_files(*paths: str) -> tuple[str, ...]:
    """Make those of the files that are missing; the ones that were made."""
    made = []
    for path in dict.fromkeys(paths):
        try:
            os.close(os.open(path, _APPEND | os.O_EXCL, 0o600))
            made.append(path)
        except OSError:
            pass  # there already; or whoever opens it for good tells what is wrong
    return tuple(made)


def remove_empty(paths: tuple[str, ...]) -> None:
    """Remove files that nobody has written to."""
    for path in paths:
        try:
            if not os.stat(path).st_size:
                os.unlink(path)
        except OSError:
            pass


def close(descriptors: list[int]) -> None:
    """Close them all."""
    for descriptor in descriptors:
        os.close(descriptor)


def packed(message: Any) -> bytes:
    """A message for the pipe between engine and supervisor: `marshal` data behind its length."""
    data = marshal.dumps(message)
    return len(data).to_bytes(4, "little") + data


def unpacked(buffer: bytearray) -> list[Any]:
    """Take the messages that are whole off the front of what was read."""
    messages, at = [], 0
    while len(buffer) >= at + 4:
        end = at + 4 + int.from_bytes(buffer[at : at + 4], "little")
        if len(buffer) < end:
            break
        messages.append(marshal.loads(buffer[at + 4 : end]))
        at = end
    del buffer[:at]
    return messages


def exit_code(status: int) -> int:
    """The exit code of what `wait` tells, of a signal 128 + its number."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def hear_children() -> int:
    """Have the end of each child written to a pipe; its end to read from, which never blocks."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def ignore_signals() -> list[int]:
    """Ignore what asks a process to end; every signal this process ignores then."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    return [one for one in signal.valid_signals() if signal.getsignal(one) == signal.SIG_IGN]


def free_space(path: str) -> int:
    """The bytes this process may still write to the disk of a file or folder. Raises OSError."""
    disk = os.statvfs(path)
    return (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize


def tell_of_full_disk(path: str) -> None:
    """Say at the end of a log that it ends here, if a full disk has cut its last write short: what
    fits is written block by block."""
    try:
        size = os.stat(path).st_size
        if not size or size % _BLOCK or free_space(path):
            return
        file = os.open(path, _APPEND, 0o600)
        try:
            end_full_log(file)
        finally:
            os.close(file)
    except OSError:
        pass


def end_full_log(file: int) -> None:
    """Put a line on the full disk in the place of the last bytes of a log. Raises OSError."""
    os.ftruncate(file, max(0, os.fstat(file).st_size - len(_STOPPED)))
    os.write(file, _STOPPED)


def make_folder(path: str) -> None:
    """Create a folder and its parents with the house's mode, whatever the umask."""
    if not path or os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        os.chmod(path, 0o750)


def become_subreaper() -> bool:
    """Adopt what steps leave behind instead of losing it to init; Linux only."""
    if sys.platform != "linux":
        return False
    import ctypes

    pr_set_child_subreaper = 36
    return bool(ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0)


def forbid_dumps() -> None:
    """Keep this process out of core dumps and away from debuggers: it holds secrets."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)
