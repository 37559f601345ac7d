"""How much room there is, and whether it is enough: new work is refused on a full disk, before
anything of it is recorded."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from dagu_core.base.errors import Unavailable

#: free bytes (and share of the disk) below which no new run is accepted or begun, and the share
#: below which it is worth a warning
MIN_FREE_BYTES, MIN_FREE_SHARE, LOW_SHARE = 64 << 20, 0.01, 0.05


class Room(Struct, frozen=True):
    """The room on the disk of `folder`, in bytes and in names for new files (0 of 0 = not counted)."""

    folder: Path
    free: int
    total: int
    free_names: int = 0
    names: int = 0

    @property
    def needed(self) -> int:
        """Bytes that must be free before a run may begin."""
        return max(MIN_FREE_BYTES, int(self.total * MIN_FREE_SHARE))

    @property
    def is_full(self) -> bool:
        """Whether no run may begin."""
        return self.free < self.needed

    @property
    def is_low(self) -> bool:
        """Whether it is worth a warning."""
        short_of_names = self.names > 0 and self.free_names < self.names * LOW_SHARE
        return self.free < self.total * LOW_SHARE or short_of_names

    def __str__(self) -> str:
        return f"disk is full: {_mib(self.free)} free, {_mib(self.needed)} needed"


def room_of(folder: Path) -> Room | None:
    """The room where `folder` is or would be made; None when the system does not tell."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    block = disk.f_frsize
    return Room(folder, disk.f_bavail * block, disk.f_blocks * block, disk.f_favail, disk.f_files)


def guard_disk(folder: Path) -> None:
    """Raises Unavailable when the disk of `folder` (which need not exist yet) is full."""
    room = room_of(folder)
    if room is not None and room.is_full:
        raise Unavailable(
            f"no space left on the disk of {room.folder} (need {MIN_FREE_BYTES >> 20} MiB)",
            hint="free some space; no run was recorded",
        )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
