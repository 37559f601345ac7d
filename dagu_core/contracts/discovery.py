"""Which plugins are installed, and how one of them is imported without harm."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence, Set
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from msgspec import Struct

from dagu_core.base.errors import PluginError

GROUP = "dagu.plugins"
#: the modules of our own that come through the same door
BUILTINS = (
    "dagu_core.builtins.shell",
    "dagu_core.builtins.subdag",
    "dagu_core.builtins.stores",
    "dagu_core.builtins.secrets",
    "dagu_core.builtins.at",
)
_INFO = (".dist-info", ".egg-info")


class EntryPoint(Struct, frozen=True):
    """A plugin's line in the metadata of an installed package; `is_file`: a plugin that is one
    file, `is_program`: an executable; `target` and `package` name it."""

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


def single_files(folder: Path) -> list[EntryPoint]:
    """The plugins of one file each in `folder`, by name; none when there is no such folder."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    except OSError:
        return []
    files = [folder / name for name in names if not name.startswith(("_", "."))]
    return [EntryPoint(file.stem, str(file), str(file), "", is_file=True) for file in files]


def programs(paths: Sequence[str]) -> list[EntryPoint]:
    """The executables at `paths`, named after their files."""
    files = dict.fromkeys(Path(path).expanduser() for path in paths)
    return [EntryPoint(file.stem, str(file), str(file), "", is_program=True) for file in files]


def left_out(entry: EntryPoint, unwanted: Set[str], wanted: Set[str], safe: bool) -> str:
    """Why the settings keep a plugin from being loaded, "" when they do not."""
    names = {entry.name, entry.package}
    if safe:
        return "safe mode: built-in parts only"
    if names & unwanted:
        return "plugins.disabled in the settings"
    if wanted and not names & wanted:
        return "not in plugins.allow of the settings"
    return ""


class Importer:
    """Imports plugins, one after the other, in a thread beside the caller's.

    A module that hangs cannot be stopped: after `limit` seconds it is left behind, and a new
    thread goes on with the others.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._asked: SimpleQueue[EntryPoint | None] | None = None
        self._answers: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()

    def __call__(self, entry: EntryPoint) -> object:
        """The plugin behind an entry point. Raises whatever its module raises, and PluginError
        when that takes too long."""
        if self._asked is None:
            self._asked, self._answers = SimpleQueue(), SimpleQueue()
            arguments = (self._asked, self._answers)
            threading.Thread(target=_import_all, args=arguments, daemon=True).start()
        self._asked.put(entry)
        try:
            found, error = self._answers.get(timeout=self._limit)
        except Empty:
            self._asked = None
            raise PluginError(f"import took longer than {self._limit:g} s") from None
        if error is not None:
            raise error
        return found

    def close(self) -> None:
        """Let the thread end."""
        if self._asked is not None:
            self._asked.put(None)
            self._asked = None


def _import_all(
    asked: SimpleQueue[EntryPoint | None], answers: SimpleQueue[tuple[object, BaseException | None]]
) -> None:
    while (entry := asked.get()) is not None:
        threading.current_thread().name = f"import of plugin {entry.name}"
        try:
            answers.put((_import_file(entry) if entry.is_file else _import(entry), None))
        except BaseException as error:
            answers.put((None, error))


def _import(entry: EntryPoint) -> object:
    failure: list[BaseException] = []
    loader = _loader()(
        GROUP,
        entry,
        names=[entry.name],
        on_load_failure_callback=lambda _manager, _entry, error: failure.append(error),
    )
    if failure:
        raise failure[0]
    return loader[entry.name].plugin


@cache
def _loader() -> Any:
    from importlib import metadata

    from stevedore import NamedExtensionManager

    class Loader(NamedExtensionManager):  # type: ignore[type-arg]  # older ones take no argument
        """Loads what was found; stevedore's own scan is kept on disk and for the process's life."""

        def __init__(self, group: str, entry: EntryPoint, **options: Any) -> None:
            self._entry = entry
            super().__init__(group, **options)

        def list_entry_points(self) -> list[metadata.EntryPoint]:
            return [metadata.EntryPoint(self._entry.name, self._entry.target, GROUP)]

    return Loader


def _import_file(entry: EntryPoint) -> object:
    from importlib.util import module_from_spec, spec_from_file_location

    path = Path(entry.target)
    for place in (path, path.parent):
        if place.stat().st_mode & 0o022:
            raise PluginError(f"others may write to it: chmod go-w {place}")
    name = f"dagu_single_file_{entry.name}"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


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
