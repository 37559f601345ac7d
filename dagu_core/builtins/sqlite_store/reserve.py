"""Space kept beside the database, so that on a full disk running runs can still record their ends."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SIZE = 1 << 20


def keep(path: str) -> None:
    """Set the reserve of this database aside, unless it is there or there is no space for it."""
    reserve = _reserve(path)
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


def release(path: str) -> bool:
    """Give the reserve back to the disk; whether there was one."""
    try:
        _reserve(path).unlink()
    except OSError:
        return False
    return True


def _reserve(path: str) -> Path:
    return Path(f"{path}.reserve")
