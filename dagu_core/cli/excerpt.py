"""The last lines of a step's log, made fit to be shown in a tree."""

from __future__ import annotations

import os
import re

from msgspec import Struct

LIMIT = 10 * 1024 * 1024
SHOWN = 50
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Excerpt(Struct, frozen=True):
    """The lines to show, how many earlier ones are left out, or a note in their place."""

    lines: tuple[str, ...] = ()
    hidden: int = 0
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.lines or self.note)


def read_excerpt(path: str, *, escape: bool = False) -> Excerpt:
    """The last 50 lines that are not blank; empty when there is no such file.

    A file above 10 MiB is not read at all. `escape` shows control characters as `\\x1b` (for
    terminals), otherwise they are dropped.
    """
    if not path:
        return Excerpt()
    try:
        size = os.stat(path).st_size
        if size > LIMIT:
            return Excerpt(note="(file too large, >10MB)")
        if not size:
            return Excerpt()
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return Excerpt()
    return excerpt(data, escape=escape)


def excerpt(data: bytes, *, escape: bool = False) -> Excerpt:
    """As `read_excerpt`, of bytes at hand."""
    if _is_binary(data.partition(b"\n")[0][:4096]):
        return Excerpt(note="(binary data)")
    lines = [line for raw in data.split(b"\n") if (line := _line(raw))]
    shown = tuple(printable(line, escape=escape).strip() for line in lines[-SHOWN:])
    return Excerpt(lines=shown, hidden=max(0, len(lines) - SHOWN))


def printable(text: str, *, escape: bool = False) -> str:
    """`text` without control characters that a terminal would obey; tabs stay."""
    return _CONTROLS.sub(lambda found: _escaped(found[0]) if escape else "", text)


def _line(raw: bytes) -> str:
    # A progress display overwrites its line: what follows the last carriage return is what one saw.
    return raw.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace").strip()


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _is_binary(line: bytes) -> bool:
    if b"\0" in line:
        return True
    strange = sum(char == "\ufffd" for char in line.decode("utf-8", "replace"))
    return strange * 3 > max(len(line), 3)
