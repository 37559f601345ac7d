"""Space set aside on a disk, so that on a full one what runs can still be ended and recorded."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SIZE = 1 << 20


def keep(beside: str | Path) -> None:
    """Set the reserve of a file or folder aside, unless it is there or there is no space for it."""
    reserve = _reserve(beside)
    if reserve.exists() or not hasattr(os, "posix_fallocate"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(reserve, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.posix_fallocate(descriptor, 0, SIZE)
        except OSError:
            reserve.unlink()
        finally:
            os.close(descriptor)


def release(beside: str | Path) -> bool:
    """Give the reserve back to the disk; whether there was one."""
    try:
        _reserve(beside).unlink()
    except OSError:
        return False
    return True


def _reserve(beside: str | Path) -> Path:
    return Path(f"{beside}.reserve")
