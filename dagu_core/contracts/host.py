"""stevedore loads, pluggy calls, the host reports. Nothing else registers or calls plugins."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from dagu_core.base.errors import PluginError
from dagu_core.contracts import hookspecs
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.discovery import EntryPoint, Importer, installed, single_files
from dagu_core.contracts.offers import Offer, offers_of
from dagu_core.contracts.report import PluginReport, State, api_range, cause

if TYPE_CHECKING:
    from dagu_core.base.places import Problem
    from dagu_core.base.settings import Settings
    from dagu_core.model.plan.plan import Plan

BUILTINS = (
    "dagu_core.builtins.shell",
    "dagu_core.builtins.subdag",
    "dagu_core.builtins.stores",
    "dagu_core.builtins.secrets",
    "dagu_core.builtins.at",
)


def is_traced(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks to see every hook call (`DAGU_TRACE_HOOKS=1`)."""
    return environ.get("DAGU_TRACE_HOOKS", "") not in ("", "0")


class PluginHost:
    """Loads plugins one at a time; whatever one does wrong is its own report and nobody's trouble.

    Built-ins are registered first, so that no third party can take their words.
    """

    def __init__(self, *, trace: bool = False, import_limit: float = 5.0) -> None:
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._trace = trace
        self._import_limit = import_limit
        self._reports: dict[str, PluginReport] = {}
        self._offers: dict[str, tuple[Offer, ...]] = {}
        self._builtins: set[str] = set()
        self.catalog = Catalog.of(())
        self._settings: Settings | None = None

    @classmethod
    def load(
        cls,
        *,
        disabled: Iterable[str] = (),
        allow: Iterable[str] = (),
        plugins: Sequence[object] = (),
        discover: bool = True,
        builtins: Sequence[str] = BUILTINS,
        trace: bool = False,
        import_limit: float = 5.0,
        folder: Path | None = None,
        safe: bool = False,
    ) -> PluginHost:
        """Load the built-ins, then `plugins` (modules or objects), then what is installed and the
        single files in `folder`.

        `disabled` and a non-empty `allow` name plugins or packages; what they exclude is never
        imported, and with `safe` nothing but the built-ins is. Never raises for what a plugin does.
        """
        host = cls(trace=trace, import_limit=import_limit)
        unwanted, wanted = frozenset(disabled), frozenset(allow)
        for target in builtins:
            name = target.rpartition(".")[2]
            report = PluginReport(name, "dagu", "", "loaded")
            if name in unwanted:
                host._report(report, "disabled", "plugins.disabled in the settings")
                continue
            host._builtins.add(name)
            host.add(report, partial(import_module, target))
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__name__)
            host.add(PluginReport(name, "", "", "loaded"), partial(_itself, plugin))
        if discover:
            found = installed() + (single_files(folder) if folder else [])
            host._discover(found, unwanted, wanted, safe)
        host._settle()
        return host

    @classmethod
    def of(cls, settings: Settings, *, plugins: Sequence[object] = (), discover: bool = True) -> PluginHost:
        """Load what the settings allow."""
        chosen = settings.plugins
        host = cls.load(
            disabled=chosen.disabled,
            allow=chosen.allow,
            plugins=plugins,
            discover=discover,
            trace=is_traced(settings.environ),
            folder=settings.plugin_folder,
            safe=chosen.safe_mode,
        )
        host._settings = settings
        return host

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        """Every plugin that was found, and how it fares."""
        return tuple(self._reports.values())

    def offers_of(self, name: str) -> tuple[Offer, ...]:
        """What a loaded plugin offers; nothing for one that is not loaded."""
        return self._offers.get(name, ())

    def add(self, report: PluginReport, get: Callable[[], object]) -> None:
        """Register the plugin `get` returns under `report.name`, or report why not."""
        name = report.name
        if name in self._reports:
            self._report(
                replace(report, name=f"{name} ({report.package})"), "failed", f"the name {name} is taken"
            )
            return
        began = time.monotonic()
        try:
            plugin = get()
            report = replace(report, import_ms=round((time.monotonic() - began) * 1000, 1))
            if isinstance(plugin, type):
                plugin = plugin()
            report = replace(report, api=self._check_version(plugin))
            self._pluggy.register(plugin, name=name)
            self._pluggy.check_pending()
            self._refuse_wrappers(plugin)
            self._offers[name] = tuple(self._collect(name, plugin))
        except (Exception, SystemExit) as error:
            self._drop(name)
            self._report(report, "failed", cause(error))
        else:
            self._report(report, "loaded", "")

    def read_source(self, path: Path, text: str) -> str | None:
        """The YAML some plugin makes of another way of writing a DAG, None when none does.

        Raises PluginError when the plugin that should read it breaks.
        """
        for name, call in self._implementations("dagu_read_source"):
            try:
                answer = call(path=path, text=text)
            except (Exception, SystemExit) as error:
                raise PluginError(f"plugin {name} cannot read {path}: {cause(error)}") from error
            if answer is not None:
                return str(answer)
        return None

    def lint(self, plan: Plan) -> list[Problem]:
        """What the plugins find about a valid plan; a plugin that breaks is left out."""
        from dagu_core.base.places import Problem

        findings: list[Problem] = []
        for name, call in self._implementations("dagu_lint"):
            try:
                found = list(call(plan=plan, settings=self._settings))
                if stranger := next((each for each in found if not isinstance(each, Problem)), None):
                    raise PluginError(f"found a {type(stranger).__name__}, not a Problem")
                findings += found
            except (Exception, SystemExit) as error:
                self._reports[name] = replace(self._reports[name], reason=f"dagu_lint: {cause(error)}")
        return findings

    def _discover(
        self, found: list[EntryPoint], unwanted: frozenset[str], wanted: frozenset[str], safe: bool
    ) -> None:
        load = Importer(self._import_limit)
        names = [entry.name for entry in found]
        for entry in found:
            report = PluginReport(entry.name, entry.package, entry.version, "loaded")
            both = {entry.name, entry.package}
            if safe:
                self._report(report, "disabled", "safe mode: built-in parts only")
            elif both & unwanted:
                self._report(report, "disabled", "plugins.disabled in the settings")
            elif wanted and not both & wanted:
                self._report(report, "disabled", "not in plugins.allow of the settings")
            elif names.count(entry.name) > 1:
                rivals = ", ".join(each.package for each in found if each.name == entry.name)
                twin = replace(report, name=f"{entry.name} ({entry.package})")
                self._report(twin, "failed", f"the name {entry.name} is claimed by {rivals}; uninstall one")
            else:
                self.add(report, partial(load, entry))
        load.close()

    def _check_version(self, plugin: object) -> str:
        if (said := getattr(plugin, "DAGU_API", None)) is None:
            return ""
        first, last = api_range(said)
        made_for = str(first) if first == last else f"{first}-{last}"
        if not first <= hookspecs.API_VERSION <= last:
            raise PluginError(f"made for plugin API {made_for}, this is {hookspecs.API_VERSION}")
        return made_for

    def _refuse_wrappers(self, plugin: object) -> None:
        for caller in self._pluggy.get_hookcallers(plugin) or ():
            for found in caller.get_hookimpls():
                if found.plugin is plugin and (found.wrapper or found.hookwrapper):
                    raise PluginError(f"{caller.name} is a wrapper; plugins may not wrap each other's hooks")

    def _collect(self, name: str, plugin: object) -> Iterable[Offer]:
        callers = {caller.name: caller for caller in self._pluggy.get_hookcallers(plugin) or ()}
        for hook in sorted(callers):
            if not hook.startswith("dagu_register_"):
                continue
            for found in callers[hook].get_hookimpls():
                if found.plugin is plugin:
                    try:
                        yield from offers_of(name, hook, self._traced(hook, found)())
                    except PluginError:
                        raise
                    except (Exception, SystemExit) as error:
                        raise PluginError(f"{hook} raised {cause(error)}") from error

    def _implementations(self, hook: str) -> Iterable[tuple[str, Callable[..., Any]]]:
        # pluggy calls the last registered first, so do we
        for found in reversed(getattr(self._pluggy.hook, hook).get_hookimpls()):
            yield found.plugin_name, self._traced(hook, found)

    def _traced(self, hook: str, found: pluggy.HookImpl) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            started = time.monotonic()
            answer = found.function(*(arguments[name] for name in found.argnames))
            if self._trace:
                spent = (time.monotonic() - started) * 1000
                line = f"hook {hook} <- {found.plugin_name}: {answer!r} in {spent:.1f} ms"
                sys.stderr.write(f"{line}\n")
            return answer

        return call

    def _settle(self) -> None:
        """Refuse words that two plugins claim, then build the catalog of the others."""
        claimed: dict[tuple[str, str], list[str]] = {}
        for name, offers in self._offers.items():
            for claim in dict.fromkeys(claim for offer in offers for claim in offer.claims):
                claimed.setdefault(claim, []).append(name)
        for (space, word), names in claimed.items():
            losers = [name for name in names if name not in self._builtins]
            if len(names) > 1:
                for name in losers:
                    if name in self._offers:
                        self._refuse(name, f"{space} `{word}` is offered by {' and '.join(names)}")
        for name, offers in self._offers.items():
            self._reports[name] = replace(self._reports[name], parts=tuple(map(str, offers)))
        broken = {
            word: report.reason
            for report in self._reports.values()
            if report.state == "failed"
            for word in (report.name, report.package)
            if word not in {"", "dagu"}
        }
        origins = {name: report.provider for name, report in self._reports.items()}
        self.catalog = Catalog.of(
            (offer for offers in self._offers.values() for offer in offers), broken, origins
        )

    def _refuse(self, name: str, reason: str) -> None:
        self._drop(name)
        self._report(self._reports[name], "failed", f"{reason}; disable one in plugins.disabled")

    def _drop(self, name: str) -> None:
        self._offers.pop(name, None)
        if self._pluggy.has_plugin(name):
            self._pluggy.unregister(name=name)

    def _report(self, report: PluginReport, state: State, reason: str) -> None:
        self._reports[report.name] = replace(report, state=state, reason=reason)


def _itself(plugin: object) -> object:
    return plugin
