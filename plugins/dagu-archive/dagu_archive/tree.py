"""The private folder an archive is unpacked into before anything of it is seen."""

from __future__ import annotations

import os
from collections.abc import Callable

from dagu_archive.entry import Entry


class Tree:
    """Writes entries below `root`. Links are made when all else is there: nothing is ever written
    through one."""

    def __init__(self, root: str) -> None:
        self.root = root
        mask = os.umask(0)
        os.umask(mask)
        self._default = 0o666 & ~mask

    def folder(self, name: str) -> None:
        """Make a folder; its mode and time come when it has landed."""
        os.makedirs(os.path.join(self.root, name), exist_ok=True)

    def file(self, entry: Entry, progress: Callable[[int], None], done: Callable[[int], None]) -> TreeFile:
        """A new file that takes its content; `done` learns its size."""
        path = self._new(entry.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = self._default if entry.mode is None else entry.mode & 0o777
        return TreeFile(path, os.open(path, flags, 0o600), mode, moment(entry), progress, done)

    def hardlink(self, target: str, name: str) -> None:
        """Give a file of the tree a second name."""
        os.link(os.path.join(self.root, target), self._new(name), follow_symlinks=False)

    def symlink(self, entry: Entry) -> None:
        """Make a link; it must have been checked."""
        path = self._new(entry.name)
        os.symlink(entry.target, path)
        os.utime(path, (moment(entry), moment(entry)), follow_symlinks=False)

    def _new(self, name: str) -> str:
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):  # names: any lets the last of a name win
            os.unlink(path)
        return path


class TreeFile:
    """One file on its way into the tree."""

    def __init__(
        self,
        path: str,
        descriptor: int,
        mode: int,
        mtime: float,
        progress: Callable[[int], None],
        done: Callable[[int], None],
    ) -> None:
        self._path, self._mode, self._mtime = path, mode, mtime
        self._file = os.fdopen(descriptor, "wb")
        self._progress, self._done, self._size = progress, done, 0

    def write(self, data: bytes, /) -> None:
        """Append `data`."""
        self._file.write(data)
        self._size += len(data)
        self._progress(len(data))

    def close(self) -> None:
        """All of it has come."""
        with self._file as file:
            file.flush()
            os.fchmod(file.fileno(), self._mode)
        os.utime(self._path, (self._mtime, self._mtime))
        self._done(self._size)


class Counted:
    """What a dry run does with content: nothing but count it."""

    def __init__(self, progress: Callable[[int], None], done: Callable[[int], None]) -> None:
        self._progress, self._done, self._size = progress, done, 0

    def write(self, data: bytes, /) -> None:
        """Count `data`."""
        self._size += len(data)
        self._progress(len(data))

    def close(self) -> None:
        """All of it has come."""
        self._done(self._size)


def moment(entry: Entry) -> float:
    """The time of an entry, or the epoch where it names one that no clock shows."""
    return entry.mtime if -(2**31) <= entry.mtime <= 2**34 else 0.0
