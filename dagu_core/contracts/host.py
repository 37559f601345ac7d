"""stevedore loads, pluggy calls, the host reports. Nothing else registers or calls plugins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu_core.contracts import hook_calls
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.discovery import (
    BUILTINS,
    Choice,
    EntryPoint,
    Importer,
    dropped_in,
    installed,
    programs,
)
from dagu_core.contracts.offers import Offer, claims_of, settings_of
from dagu_core.contracts.on_demand import OnDemand
from dagu_core.contracts.report import PluginReport, State, cause, made_for, reasons_of

if TYPE_CHECKING:
    from dagu_core.base.places import Problem
    from dagu_core.base.settings import Settings
    from dagu_core.contracts.foreign import Waiting
    from dagu_core.model.plan.places import Places
    from dagu_core.model.plan.plan import Plan


class PluginHost:
    """Loads plugins one at a time; whatever one does wrong is its own report and nobody's trouble.

    Built-ins are registered first, so that no third party can take their words.
    """

    def __init__(self, *, trace: bool = False, import_limit: float = 5.0, kept: Path | None = None) -> None:
        self._hooks = hook_calls.Hooks(trace)
        self._importer = Importer(import_limit)
        self._reports: dict[str, PluginReport] = {}
        self._offers: dict[str, tuple[Offer, ...]] = {}
        self._builtins: set[str] = set()
        self._waiting: Waiting | None = None
        self._on_demand = OnDemand(kept)
        self._prefer: Mapping[str, str] = {}
        self._settings: Settings | None = None
        self._refused: dict[str, str] = {}  #: word -> why nobody brings it, though somebody would
        self._void: list[str] = []  #: names of the settings that mean no plugin
        self._wrong: list[str] = []  #: what is wrong with the preferences
        self.catalog = Catalog.of((), more=self.complete)

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
        executables: Sequence[str] = (),
        prefer: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        kept: Path | None = None,
    ) -> PluginHost:
        """Load the built-ins, then `plugins` (modules or objects), then what is installed and the
        single files in `folder`, then `executables` (paths).

        `disabled` and a non-empty `allow` name plugins or packages; what they exclude is never
        imported, and with `safe` nothing but the built-ins is. `prefer` (word -> plugin or package)
        says who gets a word that several claim, `kept` the file that remembers what plugins bring.
        Never raises for what a plugin does.
        """
        host = cls(trace=trace, import_limit=import_limit, kept=kept)
        host._settings, host._prefer = settings, prefer or {}
        choice = Choice(frozenset(disabled), frozenset(allow), safe, settings)
        for target in builtins:
            name = target.rpartition(".")[2]
            report = PluginReport(name, "dagu", "", "loaded")
            if reason := choice.against(name):
                host._report(report, "disabled", reason)
                continue
            host._builtins.add(name)
            host.add(report, partial(import_module, target))
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__name__)
            host.add(PluginReport(name, "", "", "loaded"), partial(hook_calls.itself, plugin))
        found = installed() + (dropped_in(folder) if folder else []) if discover else []
        found += programs(executables)
        host._discover(found, choice)
        if choice.disabled or choice.allow:
            from dagu_core.contracts.void_names import void_names

            host._void = void_names(choice, found, host._reports)
        if host._waiting and host._waiting.has_any_of(host._prefer.values()):
            host._ask()
        host._settle()
        return host

    @classmethod
    def of(cls, settings: Settings, *, plugins: Sequence[object] = (), discover: bool = True) -> PluginHost:
        """Load what the settings allow."""
        chosen = settings.plugins
        return cls.load(
            disabled=chosen.disabled,
            allow=chosen.allow,
            plugins=plugins,
            discover=discover,
            trace=hook_calls.is_traced(settings.environ),
            folder=settings.plugin_folder,
            safe=chosen.safe_mode,
            executables=chosen.executables,
            prefer=chosen.prefer,
            settings=settings,
            kept=settings.paths.plugin_index,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the settings say of plugins that means nothing, a sentence each."""
        return (*self._void, *self._wrong)

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        """Every plugin that was found, and how it fares; asks those that were not asked yet."""
        self.complete(again=True)
        return tuple(self._reports.values())

    def offers_of(self, name: str) -> tuple[Offer, ...]:
        """What a plugin offers; nothing for one that is not loaded."""
        return self._offers.get(name, ())

    @property
    def is_complete(self) -> bool:
        """Whether no plugin is left that is imported or asked only when needed."""
        return not self._on_demand.sleeps and not (self._waiting and self._waiting.reports)

    def complete(self, *, again: bool = False) -> Catalog:
        """The catalog with what the plugins bring that are asked only when needed: now, once; with
        `again` also those whose last import hung."""
        self._wake(self._on_demand.wake_all())
        if again:
            self._wake(self._on_demand.avoided(), self._load)
        if self._waiting and self._waiting.reports:
            self._ask()
            self._settle()
        return self.catalog

    def for_text(self, *texts: str) -> Catalog:
        """The catalog with what a definition made of these texts may need."""
        for text in texts:
            self._wake(self._on_demand.wake(text))
        return self.catalog

    def _wake(self, woken: Iterable[Any], load: Callable[[PluginReport, Any], None] | None = None) -> None:
        if found := list(woken):
            for report, source in found:
                self._reports.pop(report.name, None)
                (load or self.add)(report, source)
            self._importer.close()
            self._on_demand.save()
            self._settle()

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
            report = replace(report, api=made_for(plugin))
            self._hooks.register(name, plugin)
            self._offers[name] = tuple(self._hooks.offers(name, plugin))
        except (Exception, SystemExit) as error:
            self._drop(name)
            self._report(report, "failed", cause(error))
        else:
            self._report(report, "loaded", "")

    def read_source(self, path: Path, text: str) -> str | None:
        """The YAML some plugin makes of another way of writing a DAG, None when none does.

        Raises PluginError when the plugin that should read it breaks.
        """
        return hook_calls.source_of(self._hooks.of("dagu_read_source"), path, text)

    def lint(self, plan: Plan, places: Places | None = None) -> list[Problem]:
        """What the plugins find about a valid plan; one that breaks is a finding itself."""
        findings, broken = hook_calls.findings_of(self._hooks.of("dagu_lint"), plan, self._settings, places)
        for name, reason in broken.items():
            from dagu_core.contracts.broken_lint import unjudged

            report = self._reports[name] = replace(self._reports[name], reason=reason)
            findings.append(unjudged(report, self.offers_of(name), plan, places))
        return findings

    def _discover(self, found: list[EntryPoint], choice: Choice) -> None:
        for entry in found:
            report = PluginReport(entry.name, entry.package, entry.version, "loaded")
            if reason := choice.against(entry.name, entry.package):
                self._report(report, "disabled", reason)
                why = f"{report.provider} is disabled by {reason}"
                self._refused |= dict.fromkeys(self._on_demand.recall(entry), why)
            elif rivals := [each.package for each in found if each.name == entry.name and each != entry]:
                both = ", ".join(sorted({entry.package, *rivals}))
                twin = replace(report, name=f"{entry.name} ({entry.package})")
                self._report(twin, "failed", f"the name {entry.name} is claimed by {both}; uninstall one")
            elif entry.is_program:
                self._meet(report, Path(entry.target))
            elif reason := self._on_demand.avoid(report, entry):
                self._report(report, "failed", reason)
            elif not self._on_demand.put(report, entry, partial(self._importer, entry)):
                self._load(report, entry)
        self._importer.close()
        self._on_demand.save()

    def _load(self, report: PluginReport, entry: EntryPoint) -> None:
        """Import a plugin, and keep what that came to."""
        self.add(report, partial(self._importer, entry))
        if entry in self._importer.hung:
            self._on_demand.shun(entry, self._reports[report.name].reason)
        else:
            self._on_demand.learn(entry, self._hooks.plugin(entry.name), self.offers_of(entry.name))

    def _meet(self, report: PluginReport, path: Path) -> None:
        """Load an executable whose answer is kept; others wait until they are needed."""
        for opener, load in self._on_demand.wake_openers():
            self.add(opener, load)
        try:
            calls = self._hooks.of("dagu_open_executable")
            foreign = hook_calls.opener_of(calls, path, self._settings)
            known = foreign.known
        except (Exception, SystemExit) as error:
            self._report(report, "failed", cause(error))
            return
        if self._waiting is None:
            from dagu_core.contracts.foreign import Waiting

            self._waiting = Waiting()
        self._waiting.put(report, foreign)
        if known:
            self._ask(report.name)

    def _ask(self, *names: str) -> None:
        assert self._waiting is not None
        for report, load in self._waiting.ask(*names):
            self.add(report, load)

    def _settle(self) -> None:
        """Give every word to one plugin, then build the catalog."""
        claims = [claim for its in self._offers.values() for claim in claims_of(its)]
        claims += self._on_demand.claims
        if self._prefer or len(set(claims)) < len(claims):
            for report, get in self._on_demand.wake_all():
                self.add(report, get)
            self._settle_clashes()
        for name, offers in self._offers.items():
            self._reports[name] = replace(self._reports[name], parts=tuple(map(str, offers)))
        broken = reasons_of(self._reports.values())
        origins = {name: report.provider for name, report in self._reports.items()}
        offered = [offer for offers in self._offers.values() for offer in offers]
        self.catalog.fill(Catalog.of(offered, broken, origins, self._refused))
        if self._settings is not None:
            self._settings.know([*settings_of(offered), *self._on_demand.settings])

    def _settle_clashes(self) -> None:
        from dagu_core.contracts.clashes import settle

        unasked = self._waiting.reports if self._waiting else {}
        settled = settle(self._offers, self._reports | unasked, self._builtins, self._prefer, unasked)
        self._wrong = settled.wrong
        for name, reason in settled.refused.items():
            words = (word for _, word in claims_of(self._offers[name]))
            self._refused.update(dict.fromkeys(words, reason))
            self._drop(name)
            self._report(self._reports[name], "failed", reason)
        self._offers = settled.offers

    def _drop(self, name: str) -> None:
        self._offers.pop(name, None)
        self._hooks.drop(name)

    def _report(self, report: PluginReport, state: State, reason: str) -> None:
        self._reports[report.name] = replace(report, state=state, reason=reason)
