"""Reads what a step wrote: its captured output, and the lines continueOn looks for."""

from __future__ import annotations

from collections.abc import Sequence

from dagu_core.base.errors import Invalid
from dagu_core.base.masking import Masker
from dagu_core.engine.conditions import search

#: bytes of the error stream quoted in an error text
ERROR_TAIL = 1024
#: bytes of a log searched at a time: a search may cost a process
_BATCH = 1 << 20


class OutputTooLarge(Exception):
    """The captured output exceeds the limit of the DAG."""


def captured(path: str, offset: int, limit: int) -> tuple[str, list[str]]:
    """The output from byte `offset` on, trimmed, and warnings about what had to be changed.

    Raises OutputTooLarge beyond `limit` bytes. Bytes that are no UTF-8 become U+FFFD; NUL cannot
    be in a variable and is dropped.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(limit + 1)
    except FileNotFoundError:
        return "", []
    if len(data) > limit:
        raise OutputTooLarge(f"output exceeded maximum size limit of {limit} bytes")
    warnings = []
    if b"\0" in data:
        warnings.append("output: NUL bytes dropped")
        data = data.replace(b"\0", b"")
    text = data.decode("utf-8", "replace")
    if "\ufffd" in text and b"\xef\xbf\xbd" not in data:
        warnings.append("output: bytes that are not UTF-8 replaced by U+FFFD")
    return text.strip(), warnings


async def log_matches(path: str, patterns: Sequence[str], line_limit: int) -> tuple[bool, str]:
    """Whether any line of the whole log contains one of the texts or matches one `re:PATTERN`, and
    what went wrong ("" = nothing)."""
    regexes = [pattern[3:] for pattern in patterns if pattern.startswith("re:")]
    texts = [pattern.encode() for pattern in patterns if not pattern.startswith("re:")]
    try:
        with open(path, "rb") as file:
            while batch := file.readlines(_BATCH):
                lines = [line[:line_limit] for line in batch]
                if any(text in line for line in lines for text in texts):
                    return True, ""
                decoded = [line.decode("utf-8", "replace").rstrip("\r\n") for line in lines if regexes]
                for regex in regexes:
                    if await search(regex, decoded):
                        return True, ""
    except FileNotFoundError:
        pass
    except Invalid as error:
        return False, str(error)
    return False, ""


def error_tail(path: str, offset: int, masker: Masker | None) -> str:
    """The end of the error stream as text, for error messages."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(offset, end - ERROR_TAIL))
            text = file.read(ERROR_TAIL).decode("utf-8", "replace").replace("\0", "").strip()
    except OSError:
        return ""
    return masker.mask(text) if masker else text
