"""The kernel's word on files that change (Linux), as far as services need it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, OVERFLOW, IGNORED, ONESHOT = 0x400, 0x800, 0x4000, 0x8000, 0x80000000
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


def begin() -> int:
    """A new descriptor to read events from; -1 where there is none to be had."""
    return int(_libc.inotify_init1(_FLAGS)) if _libc is not None else -1


def watch(descriptor: int, path: Path, mask: int) -> int:
    """Have what is in `mask` told of a file or folder; its number, -1 when that cannot be."""
    return int(_libc.inotify_add_watch(descriptor, os.fsencode(path), ctypes.c_uint32(mask)))


_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
