"""An executable as a plugin: its description is asked for once and kept while the file stays the same."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagu_core import Executor, ForeignPlugin, Places, Plan, PluginError, Problem, hookimpl
from dagu_process.asking import ask
from dagu_process.description import Described, read_description
from dagu_process.executor import step_type
from dagu_process.messages import PROTOCOL


class Executable(ForeignPlugin):
    """The executable at `path`; descriptions are kept in the file `kept` (None: nowhere).

    Raises PluginError for a file that is no executable of ours to start.
    """

    def __init__(self, path: Path, kept: Path | None) -> None:
        self.path, self._file = path, kept
        self._print = _fingerprint(path)
        self._description = self._remembered()

    @property
    def known(self) -> bool:
        return self._description is not None

    def load(self) -> object:
        message = self._description
        if message is None:
            (message,) = ask(self.path, [{"type": "describe", "protocol": PROTOCOL}], "description")
        self.version, described = read_description(message)
        if self._description is None:
            self._remember(message)
        return Offering(self.path, described)

    def _remembered(self) -> dict[str, Any] | None:
        entry = self._read().get(str(self.path))
        if isinstance(entry, dict) and entry.get("fingerprint") == self._print:
            message = entry.get("description")
            return message if isinstance(message, dict) else None
        return None

    def _remember(self, message: dict[str, Any]) -> None:
        if self._file is None:
            return
        # Two at once: the later one wins, and the other asks again some day.
        everything = {path: entry for path, entry in self._read().items() if os.path.exists(path)}
        everything[str(self.path)] = {"fingerprint": self._print, "description": message}
        place = self._file.with_name(f"{self._file.name}.{os.getpid()}.{self.path.name}")
        with suppress(OSError):  # a full disk costs a process start the next time, no more
            self._file.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(everything), "utf-8")
            place.chmod(0o600)
            place.replace(self._file)

    def _read(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            everything = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return everything if isinstance(everything, dict) else {}


class Offering:
    """The hooks of one executable."""

    DAGU_API = 1

    def __init__(self, path: Path, described: tuple[Described, ...]) -> None:
        self._path, self._described = path, described

    @hookimpl
    def dagu_register_executors(self) -> list[type[Executor[Any]]]:
        return [step_type(self._path, each) for each in self._described]

    @hookimpl
    def dagu_lint(self, plan: Plan, places: Places) -> list[Problem]:
        judged = {
            word: each for each in self._described if each.validates for word in (each.name, *each.aliases)
        }
        steps = [node for node in plan.nodes if node.executor in judged]
        if not steps:
            return []
        from dagu_process.validation import problems

        return problems(self._path, steps, judged, places)


def _fingerprint(path: Path) -> list[int]:
    """What changes with the file: times in nanoseconds, and its size. Raises PluginError."""
    if not path.is_absolute():
        raise PluginError(f"write the whole path in plugins.executables, not {path}")
    try:
        found = path.stat()
    except OSError as error:
        raise PluginError(f"cannot be used: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
        raise PluginError(f"it is no executable file: chmod +x {path}")
    for place, mode in ((path, found.st_mode), (path.parent, path.parent.stat().st_mode)):
        if mode & 0o022:
            raise PluginError(f"others may write to it: chmod go-w {place}")
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_size]
