"""How a plugin is imported without harm."""

from __future__ import annotations

import sys
import threading
import time
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from dagu_core.base.errors import PluginError
from dagu_core.contracts.discovery import GROUP, EntryPoint

#: how the module of a plugin that is a single file begins
FILE_MODULE = "dagu_single_file_"
#: seconds an import may do nothing; between two looks at it; of CPU time that are something
QUIET = 1.5
_LOOK = 0.25
_WORK = 0.02


class Importer:
    """Imports plugins, one after the other, in a thread beside the caller's.

    A module that hangs cannot be stopped: it is left behind when nothing was done for QUIET seconds,
    or after `limit` seconds in all, and a new thread goes on with the others. `hung` are those.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._asked: SimpleQueue[EntryPoint | None] | None = None
        self._answers: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()
        self.hung: set[EntryPoint] = set()

    def __call__(self, entry: EntryPoint) -> object:
        """The plugin behind an entry point. Raises whatever its module raises, and PluginError
        when that takes too long."""
        if self._asked is None:
            self._asked, self._answers = SimpleQueue(), SimpleQueue()
            arguments = (self._asked, self._answers)
            threading.Thread(target=_import_all, args=arguments, daemon=True).start()
        self._asked.put(entry)
        try:
            found, error = self._answer()
        except PluginError:
            self._asked = None
            self.hung.add(entry)
            raise
        if error is not None:
            raise error
        return found

    def _answer(self) -> tuple[object, BaseException | None]:
        """What the thread answers. On a machine with much to do a slow import still does something;
        one that waits for what never comes does nothing."""
        ends = time.monotonic() + self._limit
        quiet, worked = time.monotonic() + QUIET, time.process_time()
        while True:
            patience = min(ends, quiet) - time.monotonic()
            if patience <= 0 and ends <= quiet:
                raise PluginError(f"import took longer than {self._limit:g} s")
            if patience <= 0:
                raise PluginError(f"import did nothing for {QUIET:g} s")
            try:
                return self._answers.get(timeout=min(patience, _LOOK))
            except Empty:
                if time.process_time() - worked > _WORK:
                    quiet, worked = time.monotonic() + QUIET, time.process_time()

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
    name = f"{FILE_MODULE}{entry.name}"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
