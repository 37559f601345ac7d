"""One thing in an archive, and who takes its content."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["file", "dir", "symlink", "hardlink", "other"]
_LETTERS: dict[Kind, str] = {"file": "", "hardlink": "", "dir": "d", "symlink": "L", "other": "D"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an archive, as the archive has it. `mode` is None where the format keeps none;
    `target` is what a link points to, as far as it is known."""

    name: str
    kind: Kind
    size: int = 0
    mode: int | None = None
    mtime: float = 0.0
    target: str = ""
    encrypted: bool = False

    def permissions(self) -> str:
        """The mode, written as `-rw-r--r--`."""
        default = 0o777 if self.kind in ("dir", "symlink") else 0o644
        mode = default if self.mode is None else self.mode
        special = [(stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t")]
        letters = _LETTERS[self.kind] + "".join(letter for bit, letter in special if mode & bit)
        bits = "".join("rwxrwxrwx"[at] if mode & (0o400 >> at) else "-" for at in range(9))
        return (letters or "-") + bits


class Sink(Protocol):
    """Takes the content of an entry; `close` is called once all of it has come."""

    def write(self, data: bytes, /) -> object: ...

    def close(self) -> None: ...


Visit = Callable[[Entry], Sink | None]


class Nowhere:
    """A sink that keeps nothing: the content is only checked."""

    def write(self, data: bytes, /) -> None:
        pass

    def close(self) -> None:
        pass
