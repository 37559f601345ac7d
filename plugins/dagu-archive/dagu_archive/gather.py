"""Finds what goes into a new archive, in an order that does not depend on the file system."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dagu_archive.globs import Selection
from dagu_archive.progress import warn


@dataclass(frozen=True, slots=True)
class Found:
    """A file on disk, its name in the archive, and what it was when it was found."""

    path: str
    name: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Gathering:
    """Walks over a source. `left_out` holds files, by device and inode, that never go in."""

    selection: Selection
    follow_links: bool
    left_out: frozenset[tuple[int, int]]
    failed: Callable[[OSError], None]

    def walk(self, source: str) -> Iterator[Found]:
        """The source and all below it. `folder/.` is what is in the folder, without the folder."""
        contents_only = source.rstrip("/").rpartition("/")[2] == "."
        path = os.path.normpath(source)
        name = "" if contents_only else os.path.basename(os.path.abspath(path))
        # What is named is followed; what is found below it, only if asked for.
        yield from self._walk(path, name, len(name) + 1 if name else 0, os.stat(path), ())

    def _walk(
        self, path: str, name: str, own: int, status: os.stat_result, above: tuple[tuple[int, int], ...]
    ) -> Iterator[Found]:
        key = (status.st_dev, status.st_ino)
        if key in self.left_out or self.selection.excludes(name, name[own:]):
            return
        mode = status.st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            warn(f"{path} is a device, pipe or socket and is left out")
            return
        if name and self.selection.takes(name, name[own:]):
            yield Found(path, name, status)
        if not stat.S_ISDIR(mode):
            return
        if key in above:
            warn(f"{path} is a link to a folder that it is in, and is left out")
            return
        try:
            below = sorted(os.listdir(path))
        except OSError as error:
            self.failed(error)
            return
        for each in below:
            inner = os.path.join(path, each)
            try:
                found = os.stat(inner, follow_symlinks=self.follow_links)
            except OSError as error:
                self.failed(error)
                continue
            yield from self._walk(inner, f"{name}/{each}" if name else each, own, found, (*above, key))
