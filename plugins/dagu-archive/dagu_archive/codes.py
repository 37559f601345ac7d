"""What went wrong, as exit codes that `continueOn.exitCode` and `retryPolicy` can name."""

from __future__ import annotations

import errno
from typing import NoReturn

from dagu_core.contracts.work import Failed

CONFIG = 2
SOURCE = 3
DESTINATION = 4
FORMAT = 5
EXTRACT = 6
CREATE = 7
COMPRESS = 8
DECOMPRESS = 9
PERMISSION = 10
DISK = 11
CORRUPT = 12
PASSWORD = 13
CANCELLED = 14

_ERRNOS = {
    errno.ENOSPC: DISK,
    errno.EDQUOT: DISK,
    errno.EFBIG: DISK,
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.EROFS: PERMISSION,
}


def refuse(code: int, message: str, hint: str = "") -> NoReturn:
    """End the work with a message and its exit code."""
    raise Failed(f"archive: {message}" + (f" ({hint})" if hint else ""), code)


def code_of(error: OSError, otherwise: int) -> int:
    """The exit code of an error of the operating system."""
    return _ERRNOS.get(error.errno or 0, otherwise)


def told(error: OSError) -> str:
    """An error of the operating system, with the file it is about."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text


def shown(name: str) -> str:
    """A name as a message may carry it: nothing in it moves a cursor or breaks a line."""
    text = ascii(name) if not name.isprintable() else f"'{name}'"
    return text if len(text) <= 200 else f"{text[:200]}…"
