"""Refuses new work on a full disk, before anything of it is recorded."""

from __future__ import annotations

import os
from pathlib import Path

from dagu_core.base.errors import Unavailable

#: free bytes (and share of the disk) below which no new run is accepted
MIN_FREE_BYTES, MIN_FREE_SHARE = 64 << 20, 0.01


def guard_disk(folder: Path) -> None:
    """Raises Unavailable when the disk of `folder` (which need not exist yet) is full."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        disk = os.statvfs(folder)
    except OSError:
        return
    free = disk.f_bavail * disk.f_frsize
    if free < MIN_FREE_BYTES or free < disk.f_blocks * disk.f_frsize * MIN_FREE_SHARE:
        raise Unavailable(
            f"no space left on the disk of {folder} (need {MIN_FREE_BYTES >> 20} MiB)",
            hint="free some space; no run was recorded",
        )
