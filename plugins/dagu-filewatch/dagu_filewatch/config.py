"""What may stand in an entry of `triggers` with `type: file`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dagu_core import FileWatchConfig


class FileConfig(FileWatchConfig):
    """Which files are watched, and what they start."""

    mode: Literal["auto", "inotify", "poll"] = Field(
        "auto",
        description="How changes are noticed: told by the kernel, by looking again and again, or as the "
        "file system allows.",
    )
