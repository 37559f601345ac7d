"""What this package offers: it speaks with the executables of `plugins.executables`."""

from __future__ import annotations

from pathlib import Path

from dagu_core import ForeignPlugin, Settings, hookimpl

DAGU_API = 1


@hookimpl
def dagu_open_executable(path: Path, settings: Settings | None) -> ForeignPlugin:
    from dagu_process.executable import Executable

    return Executable(path, settings.paths.data / "executables.json" if settings else None)
