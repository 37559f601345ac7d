"""What a look at the installation found, and what may be done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True):
    """Something that is not as it should be: `what`, `where` it is, and `advice` on what to do.

    `check` is the word of the look that found it; `done` says what was done about it (then it is
    no trouble any more).
    """

    check: str
    severity: Literal["error", "warning"]
    what: str
    where: str
    advice: str
    done: str = ""


class Treatment(Struct, frozen=True):
    """What may be done: `fix` = whatever loses nothing, `kill` = end stray processes, `export` = the
    folder to which damaged runs are written as far as they can be read."""

    fix: bool = False
    kill: bool = False
    export: Path | None = None
