"""Looks at folders, files and disks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dagu_core.app.checks.finding import Finding
from dagu_core.app.disk import Room, room_of
from dagu_core.base.settings import Settings

#: rights nobody but us should have: on what we keep, and on what we only read and carry out
_PRIVATE, _NOT_CHANGED_BY_ALL = 0o027, 0o002


def folders(settings: Settings) -> list[Finding]:
    """Whether the folders can be used, and by nobody who should not."""
    paths = settings.paths
    found: list[Finding] = []
    for folder in (paths.data, paths.logs):
        found += _folder(folder, _PRIVATE)
    for folder in dict.fromkeys((paths.dags, settings.config_folder, settings.plugin_folder)):
        found += _folder(folder, _NOT_CHANGED_BY_ALL, made=False)
    for file in sorted(paths.data.glob("*.db*")):
        found += _rights(file, 0o077)
    return found


def disks(settings: Settings) -> list[Finding]:
    """Whether there is room for what runs write."""
    found: list[Finding] = []
    seen: set[int] = set()
    for folder in (settings.paths.data, settings.paths.logs):
        room = room_of(folder)
        if room is None or (device := room.folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        if room.is_full:
            advice = "free some space: nothing is accepted or begun until then, what runs goes on"
            found.append(Finding("disk", "error", str(room), str(room.folder), advice))
        elif room.is_low:
            found.append(Finding("disk", "warning", _low(room), str(room.folder), "free some space"))
    return found


def _low(room: Room) -> str:
    if room.names and room.free_names < room.names * 0.05:
        return f"only {room.free_names} more files can be made (inodes)"
    return f"only {100 * room.free / room.total:.1f} % of the disk is free ({room.free >> 20} MiB)"


def _folder(folder: Path, unwanted: int, made: bool = True) -> Iterator[Finding]:
    """`made` = by us: then somebody must be able to make it."""
    if not folder.exists():
        parent = next(each for each in folder.parents if each.exists())
        if made and not _may(parent, os.W_OK | os.X_OK):
            what = f"the folder is missing and cannot be made: {parent} cannot be written"
            yield Finding("folders", "error", what, str(folder), f"make it, or give {_me()} the right to")
        return
    if not folder.is_dir():
        yield Finding("folders", "error", "this is no folder", str(folder), "move the file away")
        return
    needed = os.R_OK | os.X_OK | (os.W_OK if made else 0)
    if made and os.statvfs(folder).f_flag & os.ST_RDONLY:
        what = "the folder is on a disk that is mounted read-only"
        yield Finding("folders", "error", what, str(folder), "mount it read-write")
    elif not _may(folder, needed):
        what = f"the folder cannot be {'written' if made else 'read'} by {_me()}"
        yield Finding("folders", "error", what, str(folder), f"give {_me()} the right: chown, chmod u+rwx")
    yield from _rights(folder, unwanted)


def _rights(path: Path, unwanted: int) -> Iterator[Finding]:
    try:
        about = path.stat()
    except OSError:
        return
    if about.st_uid not in (os.geteuid(), 0):
        what = f"it belongs to user {about.st_uid}, who can change everything in it"
        yield Finding("folders", "warning", what, str(path), f"chown {os.geteuid()} {path}")
    if too_many := stat.S_IMODE(about.st_mode) & unwanted:
        who = "everybody" if too_many & 0o007 else "the group"
        verb = "write" if too_many & 0o022 else "read"
        what = f"{who} may {verb} it (mode {stat.S_IMODE(about.st_mode):04o})"
        allowed = stat.S_IMODE(about.st_mode) & ~unwanted
        yield Finding("folders", "warning", what, str(path), f"chmod {allowed:04o} {path}")


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _me() -> str:
    return f"user {os.geteuid()}"
