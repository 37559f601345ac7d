"""What is known about files, and what their changes mean: no clock, no disk, only rules."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from dagu_core.contracts.watching.words import Event

#: seconds after which a file is taken as written although nobody told that it was closed
NEVER_CLOSED = 60.0
#: files that are gone and still remembered, in case the very same come back
REMEMBERED = 10_000


class FileSign(IntEnum):
    """What is known about a path that was touched."""

    TOUCHED = 0
    OPEN = 1  # somebody writes it and has not closed it yet
    CLOSED = 2
    MOVED = 3  # it got this name by a move


class FileState(NamedTuple):
    """A file as it was seen; what cannot be known is 0. Times in nanoseconds since the epoch.
    `times` counts how often this very file was told before."""

    inode: int
    size: int
    mtime: int
    ctime: int
    mode: int
    times: int = 0

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        return cls(
            found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, stat.S_IMODE(found.st_mode)
        )

    def is_same(self, other: FileState) -> bool:
        """Whether both are the same content under the same inode."""
        return self[:3] == other[:3]


class FileChange(NamedTuple):
    """Something a run may begin for."""

    path: str
    file: FileState
    event: Event


@dataclass(slots=True)
class Settling:
    """A file that changed and may change again; `due` is when it counts as finished."""

    file: FileState
    kinds: tuple[Event, ...]
    due: float


class FileTracker:
    """The files of an entry. `quiet` is the time without change after which a file found by looking
    is finished; `settle` = 0 means that its writer closes it."""

    def __init__(self, events: Collection[Event], settle: float, quiet: float) -> None:
        self.events, self._settle, self._quiet = events, settle, quiet
        self.known: dict[str, FileState] = {}
        self.gone: dict[str, FileState] = {}
        self.settling: dict[str, Settling] = {}
        #: what changed in `known` and `gone` without a fire and is not written down yet
        self.silent: dict[str, FileState | None] = {}

    def below(self, folder: str) -> list[str]:
        """The files in a folder and below it."""
        prefix = folder.rstrip("/") + "/"
        found = [path for path in self.known if path.startswith(prefix)]
        return found + [path for path in self.settling if path not in self.known and path.startswith(prefix)]

    def look(
        self, seen: Mapping[str, FileState], missing: Iterable[str], signs: Mapping[str, FileSign], now: float
    ) -> list[FileChange]:
        """Learn what a look at the disk found, and tell which files were removed."""
        vanished = {}
        for path in missing:
            self.settling.pop(path, None)
            if path in self.known:
                vanished[path] = self.known.pop(path)
        moved: dict[tuple[int, ...], list[str]] = {}
        for path, file in vanished.items():
            # Inodes are used again at once: only the same content is the same file.
            moved.setdefault(file[:3], []).append(path)
        for path, file in seen.items():
            old = self.known.get(path)
            sign = signs.get(path, FileSign.TOUCHED)
            if (
                old is not None
                and old.is_same(file)
                and (old.mode == file.mode or "chmod" not in self.events)
            ):
                self.settling.pop(path, None)
                self.known[path] = file._replace(times=old.times)
                continue
            origins = moved.get(file[:3])
            renamed = bool(origins)
            if origins:
                origin = origins.pop()
                self._drop(origin, vanished.pop(origin))
            self._learn(path, file, _kinds(file, old, renamed, sign), sign, now)
        for path, file in vanished.items():
            self._drop(path, file)
        if "remove" not in self.events:
            return []
        for path in vanished:
            # Written down with its fire: until then a crash must find it missing once more.
            del self.silent[path]
        return [FileChange(path, file, "remove") for path, file in vanished.items()]

    def _learn(
        self, path: str, file: FileState, kinds: tuple[Event, ...], sign: FileSign, now: float
    ) -> None:
        waiting = self.settling.get(path)
        if waiting is None:
            came_back = None if path in self.known else self.gone.get(path)
            # Moving a file away and back changes its ctime; a file system that was away does not.
            is_back = came_back is not None and came_back[:4] == file[:4]
            if is_back or not any(kind in self.events for kind in kinds):
                self.accept(path, file)
            else:
                self.settling[path] = Settling(file, kinds, self._due(kinds, sign, now))
            return
        if not waiting.file.is_same(file) or sign >= FileSign.CLOSED or (sign and not self._settle):
            waiting.due = self._due(kinds, sign, now)
        if waiting.kinds == ("chmod",) or sign is FileSign.MOVED:
            waiting.kinds = kinds
        waiting.file = file

    def _due(self, kinds: tuple[Event, ...], sign: FileSign, now: float) -> float:
        if self._settle:
            return now + self._settle
        if sign >= FileSign.CLOSED or kinds == ("chmod",):
            return now
        return now + (NEVER_CLOSED if sign is FileSign.OPEN else self._quiet)

    def accept(self, path: str, file: FileState) -> None:
        """Take a file as handled without a fire."""
        self.known[path] = self.silent[path] = file._replace(times=self._times(path, file))
        self.gone.pop(path, None)

    def _drop(self, path: str, file: FileState) -> None:
        self.gone.pop(path, None)
        self.gone[path] = file
        self.silent[path] = None
        while len(self.gone) > REMEMBERED:
            del self.gone[next(iter(self.gone))]

    def due(self, now: float) -> list[str]:
        """The files whose time has come: look at them once more, then ask for those `ripe`."""
        return [path for path, waiting in self.settling.items() if waiting.due <= now]

    def next_due(self) -> float:
        """When the next file is due; infinite without one."""
        return min((waiting.due for waiting in self.settling.values()), default=math.inf)

    def ripe(self, now: float) -> list[FileChange]:
        """The files that are finished, oldest first. Each is told until it is `told` or `postpone`d."""
        found = []
        for path in self.due(now):
            waiting = self.settling[path]
            event = next(kind for kind in waiting.kinds if kind in self.events)
            file = waiting.file._replace(times=self._times(path, waiting.file))
            found.append(FileChange(path, file, event))
        return sorted(found, key=lambda change: (change.file.mtime, change.path))

    def postpone(self, path: str, until: float) -> None:
        """Ask for a file again later."""
        self.settling[path].due = until

    def told(self, change: FileChange) -> None:
        """A change is handled: written down."""
        self.silent.pop(change.path, None)
        self.settling.pop(change.path, None)
        if change.event != "remove":
            self.known[change.path] = change.file
            self.gone.pop(change.path, None)

    def _times(self, path: str, file: FileState) -> int:
        before = self.known.get(path) or self.gone.get(path)
        return before.times + 1 if before is not None and before.is_same(file) else 0


def _kinds(file: FileState, old: FileState | None, renamed: bool, sign: FileSign) -> tuple[Event, ...]:
    """What a change may count as; the first that is asked for is it."""
    if old is None:
        if renamed:
            # Without an inode it is a guess, which must not cost a file that is new.
            return ("rename",) if file.inode else ("rename", "create")
        return ("rename", "create") if sign is FileSign.MOVED else ("create", "write")
    if old.is_same(file):
        return ("chmod",)
    if renamed or sign is FileSign.MOVED:
        return "rename", "write"
    return ("write", "rename") if old.inode != file.inode else ("write",)
