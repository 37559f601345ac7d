"""Looks at the disk: which of the files of an entry are there, and what keeps it from seeing."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator

from dagu_core import FileLook, FileSelection, FileSign, FileState, FileTracker
from dagu_filewatch.inotify import Subscription

_GONE = (errno.ENOENT, errno.ENOTDIR)
#: the kernel has no watch left: for this user, or no memory for it
_LIMITS = (errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class GivenUpError(Exception):
    """Nobody waits for the result of this look any more."""


class Looker:
    """The eyes of an entry. Its methods block: call them in a thread, one at a time.

    `troubles` maps a folder that cannot be seen to the reason; `is_limited` says that the kernel
    gives no more watches.
    """

    def __init__(self, selection: FileSelection, follow: bool, subscription: Subscription | None) -> None:
        self.selection = selection
        self._follow = follow
        self.subscription = subscription
        self.troubles: dict[str, str] = {}
        self.is_limited = False
        self.given_up = threading.Event()
        self._folders: set[str] = set()
        self._identities: dict[str, tuple[int, int] | None] = {}

    def is_folder(self, path: str) -> bool:
        """Whether this was a folder when it was last seen."""
        return path in self._folders

    def has_moved(self) -> bool:
        """Whether the folder of a pattern is another one than before: removed, recreated, mounted."""
        return any(_identity(base) != self._identities.get(base) for base in self.selection.bases)

    def look(self, tracker: FileTracker, paths: Iterable[str] | None, signs: dict[str, FileSign]) -> FileLook:
        """FileLook at some files and folders, or (None) at everything. Raises GivenUpError when told so."""
        found = FileLook(signs=signs)
        wanted = set(self.selection.bases) if paths is None else set(paths)
        if self._follow and any(path in self._folders or os.path.isdir(path) for path in wanted):
            # The same folder may have many names, and only a whole walk meets each of them once.
            wanted |= set(self.selection.bases)
        for path in sorted(wanted):
            self._look_at(path, tracker, found)
        return found

    def _look_at(self, path: str, tracker: FileTracker, found: FileLook) -> None:
        try:
            seen = os.stat(path, follow_symlinks=self._follow or path in self.selection.bases)
        except OSError as error:
            if error.errno not in _GONE:
                self.troubles[path] = error.strerror or str(error)
            elif path in self.selection.bases:
                # What was in it counts as removed only when the folder is back without it.
                self._identities[path] = None
                self.troubles[path] = "waiting for it"
                self._forget(path)
            else:
                self.troubles.pop(path, None)
                found.missing += self._tracked(path, tracker)
                self._forget(path)
            return
        if stat.S_ISDIR(seen.st_mode):
            before = tracker.below(path)
            blocked = self._walk(path, found)
            found.missing += [
                each for each in before if each not in found.files and not _is_in(each, blocked)
            ]
        elif stat.S_ISREG(seen.st_mode) and self.selection.matches(path):
            self._take(path, seen, found)
        else:
            found.missing += self._tracked(path, tracker)

    def _tracked(self, path: str, tracker: FileTracker) -> list[str]:
        them = tracker.below(path) if path in self._folders else []
        return [*them, path] if path in tracker.known or path in tracker.settling else them

    def _forget(self, folder: str) -> None:
        if folder not in self._folders:
            return
        for each in [each for each in self._folders if each == folder or each.startswith(folder + "/")]:
            self._folders.discard(each)
            if each not in self.selection.bases:
                self.troubles.pop(each, None)
            if self.subscription is not None:
                self.subscription.forget(each)

    def _walk(self, top: str, found: FileLook) -> list[str]:
        """Find the files below a folder; returns the folders and files that could not be seen."""
        blocked: list[str] = []
        visited: set[tuple[int, int]] = set()
        waiting = [top]
        while waiting:
            if self.given_up.is_set():
                raise GivenUpError
            folder = waiting.pop()
            try:
                if self._follow:
                    identity = _identity(folder)
                    if identity is None or identity in visited:
                        continue
                    visited.add(identity)
                if folder in self.selection.bases:
                    self._identities[folder] = _identity(folder)
                # First the watch, then the look: what comes between is seen twice, not never.
                self._arm(folder)
                waiting += sorted(self._list(folder, found, blocked), reverse=True)
                self._folders.add(folder)
                self.troubles.pop(folder, None)
            except OSError as error:
                if error.errno not in _GONE:
                    blocked.append(folder)
                    self.troubles[folder] = error.strerror or str(error)
        return blocked

    def _list(self, folder: str, found: FileLook, blocked: list[str]) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=self._follow):
                        if self.selection.enters(entry.path):
                            yield entry.path
                    elif self.selection.matches(entry.path):
                        seen = entry.stat(follow_symlinks=self._follow)
                        if stat.S_ISREG(seen.st_mode):
                            self._take(entry.path, seen, found)
                except OSError as error:
                    if error.errno not in _GONE:
                        blocked.append(entry.path)

    def _take(self, path: str, seen: os.stat_result, found: FileLook) -> None:
        found.files[path] = FileState.of(seen)
        if found.signs.get(path) is FileSign.OPEN and (
            seen.st_nlink > 1 or (self._follow and os.path.islink(path))
        ):
            # A second name or a link, for a file that is whole: nobody will close it.
            found.signs[path] = FileSign.CLOSED

    def _arm(self, folder: str) -> None:
        if self.subscription is None or self.is_limited:
            return
        try:
            self.subscription.add(folder)
        except OSError as error:
            self.is_limited = error.errno in _LIMITS


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _is_in(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)
