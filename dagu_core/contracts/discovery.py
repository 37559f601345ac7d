"""Which plugins are installed, and which of them are wanted."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from dagu_core.base.settings import Settings

GROUP = "dagu.plugins"
#: the file that makes a folder a plugin in any language
MANIFEST = "plugin.yaml"
#: the modules of our own that come through the same door
BUILTINS = (
    "dagu_core.builtins.shell",
    "dagu_core.builtins.subdag",
    "dagu_core.builtins.stores",
    "dagu_core.builtins.secrets",
    "dagu_core.builtins.at",
)
#: in `plugins.isolation`: every plugin that is not named
EVERY = "*"
_INFO = (".dist-info", ".egg-info")


class EntryPoint(Struct, frozen=True):
    """A plugin's line in the metadata of an installed package; `is_file`: a plugin that is one
    file, `is_program`: an executable, or the manifest that names one; `target` and `package` say which."""

    name: str
    target: str
    package: str
    version: str
    is_file: bool = False
    is_program: bool = False


def installed(group: str = GROUP, path: Sequence[str] | None = None) -> list[EntryPoint]:
    """The entry points of `group`, by name.

    Looks into the metadata folders on `path` (default `sys.path`) itself, which takes a fraction
    of what importlib.metadata takes, and keeps the package of each. A path that is a file (a zip)
    is left to importlib.metadata.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(sys.path if path is None else path):
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            found += [each for each in _from_archive(folder, group) if each.package not in seen]
            continue
        except OSError:
            continue
        for name in sorted(names):
            if name.endswith(_INFO):
                # the first package of a name on the path hides the others, as for imports
                package = _normal(name.rpartition(".")[0].split("-")[0])
                if package not in seen:
                    seen.add(package)
                    found += _from_folder(f"{folder or '.'}/{name}", group)
    return sorted(found, key=lambda each: (each.name, each.package))


def dropped_in(folder: Path) -> list[EntryPoint]:
    """The plugins somebody put into `folder`, by name: single files, and folders with a MANIFEST, which
    names an executable; none when there is no such folder."""
    try:
        places = [folder / name for name in sorted(os.listdir(folder)) if not name.startswith(("_", "."))]
    except OSError:
        return []
    return [
        EntryPoint(each.stem, str(each), str(each), "", is_file=True)
        if each.suffix == ".py"
        else EntryPoint(each.name, str(each / MANIFEST), str(each), "", is_program=True)
        for each in places
        if each.suffix == ".py" or (each / MANIFEST).exists()
    ]


def programs(paths: Sequence[str]) -> list[EntryPoint]:
    """The executables at `paths`, named after their files."""
    files = dict.fromkeys(Path(os.path.expanduser(path)) for path in paths)
    return [EntryPoint(file.stem, str(file), str(file), "", is_program=True) for file in files]


class Choice(Struct, frozen=True):
    """Which plugins are wanted: `disabled` and a non-empty `allow` name plugins or packages, in any
    spelling, and with `safe` nothing but the built-in parts is. `isolation` says how the steps of which
    are kept off the engine. `settings` know where that was said."""

    disabled: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    safe: bool = False
    isolation: Mapping[str, str] = {}
    settings: Settings | None = None

    def against(self, name: str, package: str = "") -> str:
        """What disables a plugin, and where that stands; "" when nothing does. Without a `package` it
        is a built-in part, which stays unless it is named."""
        names = {plain(name), plain(package or name)}
        if names.intersection(map(plain, self.disabled)):
            return f"plugins.disabled in {self.source('plugins.disabled')}"
        if package and self.safe:
            return f"safe mode ({self.source('plugins.safeMode')})"
        if package and self.allow and names.isdisjoint(map(plain, self.allow)):
            return f"plugins.allow in {self.source('plugins.allow')}, where it is not named"
        return ""

    def isolates(self, name: str, package: str) -> bool:
        """Whether the steps of a plugin run in processes of their own."""
        said = {plain(each): how for each, how in self.isolation.items()}
        how = said.get(plain(name)) or said.get(plain(package or name)) or said.get(plain(EVERY))
        return how == "process"

    def source(self, key: str) -> str:
        """Where a setting was given, in words."""
        source = self.settings.source_of(key) if self.settings is not None else ""
        return "--safe-mode" if source.startswith("flag ") else source or "the settings"


def plain(name: str) -> str:
    """The name of a plugin or package as all spellings of it compare; paths have one only."""
    return name if "/" in name else _normal(name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_folder(info: str, group: str) -> list[EntryPoint]:
    # Plain strings: there may be hundreds of these folders, and paths are slow to make.
    text = _read(f"{info}/entry_points.txt")
    if f"[{group}]" not in text:
        return []
    package, version = _identity(info)
    return [EntryPoint(name, target, package, version) for name, target in _lines(text, group)]


def _read(file: str) -> str:
    """The content of a file, "" when it cannot be had."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read()
    except OSError:
        return ""


def _lines(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            yield name.strip(), target.strip()


def _identity(info: str) -> tuple[str, str]:
    """Name and version as the package states them, else as its folder is called."""
    package, _, version = info.rpartition("/")[2].rpartition(".")[0].partition("-")
    if text := _read(f"{info}/METADATA") or _read(f"{info}/PKG-INFO"):
        headers = dict(line.split(": ", 1) for line in text.split("\n\n")[0].splitlines() if ": " in line)
        return headers.get("Name", package).strip(), headers.get("Version", version).strip()
    return package.replace("_", "-"), version


def _from_archive(path: str, group: str) -> list[EntryPoint]:
    from importlib.metadata import distributions

    return [
        EntryPoint(each.name, each.value, found.metadata["Name"], found.version)
        for found in distributions(path=[path])
        for each in found.entry_points
        if each.group == group
    ]
