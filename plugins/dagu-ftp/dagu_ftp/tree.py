"""What local folders and servers have in common: entries below paths."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from dagu_ftp.problems import USAGE, Problem

Kind = Literal["file", "folder", "link", "other"]

#: how the names of files begin that are not whole yet
PART = ".part-"
_BREAKING = frozenset("\r\n\0")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. `modified` is in epoch seconds, and only rough unless `is_exact`."""

    name: str
    kind: Kind = "file"
    size: int | None = None
    modified: float | None = None
    is_exact: bool = True
    mode: int | None = None


class Tree(Protocol):
    """A place with folders and files. Paths are written with `/`; errors are `Problem`s."""

    def entries(self, folder: str) -> list[Entry]:
        """What is in a folder; raises a Problem with code MISSING when there is none."""
        ...

    def stat(self, path: str) -> Entry | None:
        """What is at a path, links followed; None when nothing is."""
        ...

    def modified(self, path: str, entry: Entry) -> float | None:
        """When it was modified, as exactly as can be known."""
        ...

    def make_folder(self, path: str) -> None:
        """Make one folder; no error when it is there already."""
        ...

    def remove(self, path: str) -> None: ...
    def remove_folder(self, path: str) -> None: ...
    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of what has it now."""
        ...

    def set_modified(self, path: str, modified: float) -> None: ...
    def set_mode(self, path: str, mode: int) -> None: ...
    def read(self, path: str, offset: int = 0) -> Generator[bytes, None, None]:
        """The content from `offset` on, block by block."""
        ...

    def write(self, path: str, blocks: Iterable[bytes], offset: int = 0) -> None:
        """Write a file anew, or go on with it at `offset`, which is its size then."""
        ...


class Server(Tree, Protocol):
    """A tree at the other end of a connection."""

    def connect(self) -> None:
        """Open the connection and log in; also again, after it was lost."""
        ...

    def asked_time(self, path: str) -> float | None:
        """When a file was modified, to the second; None when the server does not tell."""
        ...

    def real(self, path: str) -> str:
        """The absolute path of a folder, links followed where the server does."""
        ...

    def close(self) -> None:
        """Say goodbye and close."""
        ...

    def cut(self) -> None:
        """End the connection at once, from any thread: whoever waits for it gets an error."""
        ...


def checked_path(path: str, what: str) -> str:
    """A path of the file that can be sent to a server."""
    if _BREAKING & set(path):
        raise Problem(f"{what} {path!r} has a line break or a zero byte in it", USAGE)
    return path


def flaw_of(name: str) -> str:
    """Why a name found in a folder must not be used; "" when it may."""
    if _BREAKING & set(name):
        return "its name has a line break or a zero byte in it"
    if name in ("", ".", "..") or "/" in name or os.sep in name or (os.altsep or "/") in name:
        return "its name leads to another folder"
    if os.name == "nt" and ":" in name:
        return "its name leads to another drive"
    return ""


def joined(folder: str, name: str) -> str:
    """`name` below `folder`."""
    if folder in ("", "."):
        return name
    return f"{folder.rstrip('/')}/{name}"


def folder_of(path: str) -> str:
    """The folder a path is in: "" when it says none, "/" at the top."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head or slash


def name_of(path: str) -> str:
    """The last name of a path."""
    return path.rstrip("/").rpartition("/")[2]
