"""The folders of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable
from pathlib import Path

from dagu_ftp.problems import MISSING, Problem
from dagu_ftp.tree import Entry, Kind

BLOCK = 256 << 10


class LocalTree:
    """Paths are relative to the working folder of the step."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def real(self, path: str) -> Path:
        """The path as the system knows it."""
        return self._root / os.path.expanduser(path)

    def entries(self, folder: str) -> list[Entry]:
        try:
            with os.scandir(self.real(folder)) as found:
                return [_entry(each.name, each.stat(follow_symlinks=False)) for each in found]
        except (FileNotFoundError, NotADirectoryError):
            raise Problem(f"there is no folder {folder!r} here", MISSING) from None

    def stat(self, path: str) -> Entry | None:
        try:
            return _entry(Path(path).name, self.real(path).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def modified(self, path: str, entry: Entry) -> float | None:
        return entry.modified

    def make_folder(self, path: str) -> None:
        self.real(path).mkdir(exist_ok=True)

    def remove(self, path: str) -> None:
        self.real(path).unlink(missing_ok=True)

    def remove_folder(self, path: str) -> None:
        self.real(path).rmdir()

    def rename(self, old: str, new: str) -> None:
        os.replace(self.real(old), self.real(new))

    def set_modified(self, path: str, modified: float) -> None:
        os.utime(self.real(path), (modified, modified))

    def set_mode(self, path: str, mode: int) -> None:
        self.real(path).chmod(mode & 0o777)

    def read(self, path: str, offset: int = 0) -> Generator[bytes, None, None]:
        with self.real(path).open("rb") as file:
            file.seek(offset)
            while block := file.read(BLOCK):
                yield block

    def write(self, path: str, blocks: Iterable[bytes], offset: int = 0) -> None:
        with self.real(path).open("ab" if offset else "wb") as file:
            for block in blocks:
                file.write(block)


def _entry(name: str, found: os.stat_result) -> Entry:
    return Entry(
        name, kind_of(found.st_mode), found.st_size, found.st_mtime, mode=stat.S_IMODE(found.st_mode)
    )


def kind_of(mode: int) -> Kind:
    """What the mode bits of a file say it is."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"
