"""Which plugins are installed, and how one of them is imported without harm."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagu_core.base.errors import PluginError

GROUP = "dagu.plugins"
_INFO = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A plugin's line in the metadata of an installed package."""

    name: str
    target: str
    package: str
    version: str


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
                    found += _from_folder(Path(folder or ".") / name, group)
    return sorted(found, key=lambda each: (each.name, each.package))


def import_plugin(entry: EntryPoint, limit: float) -> object:
    """The plugin behind an entry point; raises whatever its module raises.

    Imported in a thread of its own: a module that hangs cannot be stopped, but after `limit`
    seconds it is left behind with a PluginError.
    """
    answer: list[object] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(_import(entry))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name=f"import of plugin {entry.name}", daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        raise PluginError(f"import took longer than {limit:g} s")
    if failure:
        raise failure[0]
    return answer[0]


def _import(entry: EntryPoint) -> object:
    from importlib import metadata

    from stevedore import NamedExtensionManager

    class Loader(NamedExtensionManager):  # type: ignore[type-arg]  # older ones take no argument
        """Loads what was found; stevedore's own scan is kept on disk and for the process's life."""

        def list_entry_points(self) -> list[metadata.EntryPoint]:
            return [metadata.EntryPoint(entry.name, entry.target, GROUP)]

    failure: list[BaseException] = []
    loader = Loader(
        GROUP,
        names=[entry.name],
        on_load_failure_callback=lambda _manager, _entry, error: failure.append(error),
    )
    if failure:
        raise failure[0]
    return loader[entry.name].plugin


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_folder(info: Path, group: str) -> list[EntryPoint]:
    try:
        text = (info / "entry_points.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return []
    if f"[{group}]" not in text:
        return []
    package, version = _identity(info)
    return [EntryPoint(name, target, package, version) for name, target in _lines(text, group)]


def _lines(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            yield name.strip(), target.strip()


def _identity(info: Path) -> tuple[str, str]:
    """Name and version as the package states them, else as its folder is called."""
    package, _, version = info.stem.partition("-")
    for file in ("METADATA", "PKG-INFO"):
        try:
            text = (info / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
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
