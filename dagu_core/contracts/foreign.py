"""Plugins that are no Python modules: what the host needs to know of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from dagu_core.contracts.clashes import is_meant
from dagu_core.contracts.report import PluginReport


class ForeignPlugin(ABC):
    """An executable of `plugins.executables`, as the plugin that can speak with it sees it.

    `version` is what the executable says its version is, "" before it was loaded.
    """

    version: str = ""

    @property
    @abstractmethod
    def known(self) -> bool:
        """Whether `load` is cheap: it needs no process, because the answer is kept from before.

        One that is not known is loaded when a DAG names a step type nobody has, when a preference
        names it, and by everything that lists plugins.
        """

    @abstractmethod
    def load(self) -> object:
        """The plugin object: hooks as methods. Raises PluginError for what is wrong with it.

        Bounds its own time. Called in a thread of its own, beside those of others.
        """


class Waiting:
    """Foreign plugins that were not asked yet."""

    def __init__(self) -> None:
        self._plugins: dict[str, tuple[PluginReport, ForeignPlugin]] = {}

    def put(self, report: PluginReport, plugin: ForeignPlugin) -> None:
        """Let a plugin wait."""
        self._plugins[report.name] = (report, plugin)

    @property
    def reports(self) -> dict[str, PluginReport]:
        """Those who wait, by name."""
        return {name: report for name, (report, _) in self._plugins.items()}

    def has_any_of(self, wanted: Iterable[str]) -> bool:
        """Whether a plugin waits that one of the names means."""
        return any(is_meant(report, each) for report in self.reports.values() for each in wanted)

    def ask(self, *names: str) -> Iterator[tuple[PluginReport, Callable[[], object]]]:
        """Load the plugins of these names (all without one), at once; each report, with a function
        that returns the plugin object or raises what `load` raised. They wait no longer."""
        asked = [self._plugins.pop(name) for name in names or tuple(self._plugins)]
        if len(asked) == 1:
            results = [_loaded(asked[0][1])]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(max_workers=8, thread_name_prefix="asks a plugin") as pool:
                results = list(pool.map(_loaded, [plugin for _, plugin in asked]))
        for (report, plugin), result in zip(asked, results, strict=True):
            yield replace(report, version=plugin.version), result


def _loaded(plugin: ForeignPlugin) -> Callable[[], object]:
    try:
        made = plugin.load()
    except BaseException as error:
        return partial(_raise, error)
    return lambda: made


def _raise(error: BaseException) -> object:
    raise error
