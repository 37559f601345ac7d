"""What this package offers: it speaks with executables, those of `plugins.executables` and those
that the manifest of a folder names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core import hookimpl

if TYPE_CHECKING:
    from dagu_core import ForeignPlugin, Settings

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_open_executable(path: Path, settings: Settings | None) -> ForeignPlugin:
    # Imported when there is an executable: without one this package costs a start next to nothing.
    from dagu_process.executable import Executable

    if path.name == "plugin.yaml":
        from dagu_process.manifest import executable_of

        path = executable_of(path)
    return Executable(path, settings.paths.data / "executables.json" if settings else None)
