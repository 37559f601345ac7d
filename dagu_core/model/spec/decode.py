"""Bytes of a definition file -> its text."""

from __future__ import annotations

from dagu_core.base.places import InvalidDefinition, Place, Problem

MAX_BYTES = 5 * 1024 * 1024


def decode(data: bytes, file: str) -> str:
    """The text of a definition file. Raises InvalidDefinition naming the byte that is not UTF-8."""
    if len(data) > MAX_BYTES:
        raise InvalidDefinition([too_large(len(data))], file=file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `error.start` counts after a byte order mark, the user counts bytes of the file.
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        before = data[:at].decode("utf-8", "replace")
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        problem = Problem(f"not UTF-8 at byte {at}", place, "D001", "save the file as UTF-8")
        raise InvalidDefinition([problem], file=file, text=data.decode("utf-8", "replace")) from None


def too_large(size: int) -> Problem:
    """The finding about a text of `size` bytes."""
    return Problem(f"the file is too large: {size} bytes, at most {MAX_BYTES}", Place(), "D009")
