"""stevedore loads, pluggy calls, the host reports. Nothing else registers or calls plugins."""

from __future__ import annotations

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
    dropped_in,
    installed,
    programs,
)
from dagu_core.contracts.importing import Importer
from dagu_core.contracts.offers import Offer, claims_of, settings_of
from dagu_core.contracts.on_demand import OnDemand
from dagu_core.contracts.registry import Registry
from dagu_core.contracts.report import PluginReport, cause, reasons_of

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
        self._registry = Registry(hook_calls.Hooks(trace))
        self._importer = Importer(import_limit)
        self._waiting: Waiting | None = None
        self._on_demand = OnDemand(kept)
        self._prefer: Mapping[str, str] = {}
        self._settings: Settings | None = None
        self._refused: dict[str, str] = {}  #: word -> why nobody brings it, though somebody would
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
        isolation: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        kept: Path | None = None,
    ) -> PluginHost:
        """Load the built-ins, then `plugins` (modules or objects), then what is installed and the
        single files in `folder`, then `executables` (paths).

        `disabled` and a non-empty `allow` name plugins or packages; what they exclude is never
        imported, and with `safe` nothing but the built-ins is. `prefer` (word -> plugin or package)
        says who gets a word that several claim, `isolation` (plugin or package -> "process" or "none")
        whose steps leave the engine, `kept` the file that remembers what plugins bring.
        Never raises for what a plugin does.
        """
        host = cls(trace=trace, import_limit=import_limit, kept=kept)
        host._settings, host._prefer = settings, prefer or {}
        choice = host._registry.choice = Choice(
            frozenset(disabled), frozenset(allow), safe, isolation or {}, settings
        )
        for target in builtins:
            name = target.rpartition(".")[2]
            report = PluginReport(name, "dagu", "", "loaded")
            if reason := choice.against(name):
                host._registry.report(report, "disabled", reason)
                continue
            host._registry.builtins.add(name)
            host._registry.add(report, partial(import_module, target))
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__name__)
            host._registry.add(PluginReport(name, "", "", "loaded"), partial(hook_calls.itself, plugin))
        found = installed() + (dropped_in(folder) if folder else []) if discover else []
        found += programs(executables)
        host._discover(found, choice)
        if choice.disabled or choice.allow or choice.isolation:
            from dagu_core.contracts.void_names import void_names

            host._registry.void += void_names(choice, found, host._registry.reports)
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
            isolation=chosen.isolation,
            settings=settings,
            kept=settings.paths.plugin_index,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the settings say of plugins that means nothing, a sentence each."""
        return (*self._registry.void, *self._wrong)

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        """Every plugin that was found, and how it fares; asks those that were not asked yet."""
        self.complete(again=True)
        return tuple(self._registry.reports.values())

    def offers_of(self, name: str) -> tuple[Offer, ...]:
        """What a plugin offers; nothing for one that is not loaded."""
        return self._registry.offers.get(name, ())

    @property
    def is_complete(self) -> bool:
        """Whether no plugin is left that is imported or asked only when needed."""
        return not self._on_demand.sleeps and not (self._waiting and self._waiting.reports)

    @property
    def has_judges(self) -> bool:
        """Whether a plugin that was imported may find something about any plan (`dagu_lint`)."""
        return any(self._registry.hooks.of("dagu_lint"))

    @property
    def builtins(self) -> Catalog:
        """What the built-in parts alone offer."""
        registry = self._registry
        return Catalog.of(offer for name in sorted(registry.builtins) for offer in registry.offers[name])

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
                self._registry.reports.pop(report.name, None)
                (load or self._registry.add)(report, source)
            self._importer.close()
            self._on_demand.save()
            self._settle()

    def read_source(self, path: Path, text: str) -> str | None:
        """The YAML some plugin makes of another way of writing a DAG, None when none does.

        Raises PluginError when the plugin that should read it breaks.
        """
        return hook_calls.source_of(self._registry.hooks.of("dagu_read_source"), path, text)

    def lint(self, plan: Plan, places: Places | None = None) -> list[Problem]:
        """What the plugins find about a valid plan; one that breaks is a finding itself."""
        findings, broken = hook_calls.findings_of(
            self._registry.hooks.of("dagu_lint"), plan, self._settings, places
        )
        for name, reason in broken.items():
            from dagu_core.contracts.broken_lint import unjudged

            report = self._registry.reports[name] = replace(self._registry.reports[name], reason=reason)
            findings.append(unjudged(report, self.offers_of(name), plan, places))
        return findings

    def _discover(self, found: list[EntryPoint], choice: Choice) -> None:
        for entry in found:
            report = PluginReport(entry.name, entry.package, entry.version, "loaded")
            if reason := choice.against(entry.name, entry.package):
                self._registry.report(report, "disabled", reason)
                why = f"{report.provider} is disabled by {reason}"
                self._refused |= dict.fromkeys(self._on_demand.recall(entry), why)
            elif rivals := [each.package for each in found if each.name == entry.name and each != entry]:
                both = ", ".join(sorted({entry.package, *rivals}))
                twin = replace(report, name=f"{entry.name} ({entry.package})")
                self._registry.report(
                    twin, "failed", f"the name {entry.name} is claimed by {both}; uninstall one"
                )
            elif entry.is_program:
                self._meet(report, Path(entry.target))
            elif reason := self._on_demand.avoid(report, entry):
                self._registry.report(report, "failed", reason)
            elif not self._on_demand.put(report, entry, partial(self._importer, entry)):
                self._load(report, entry)
        self._importer.close()
        self._on_demand.save()

    def _load(self, report: PluginReport, entry: EntryPoint) -> None:
        """Import a plugin, and keep what that came to."""
        self._registry.add(report, partial(self._importer, entry))
        if entry in self._importer.hung:
            self._on_demand.shun(entry, self._registry.reports[report.name].reason)
        else:
            hooks, name = self._registry.hooks, entry.name
            plugin, offers = hooks.plugin(name), self.offers_of(name)
            self._on_demand.learn(entry, plugin, offers, only_offers=hooks.only_offers(name))

    def _meet(self, report: PluginReport, path: Path) -> None:
        """Load an executable whose answer is kept; others wait until they are needed."""
        for opener, load in self._on_demand.wake_openers():
            self._registry.add(opener, load)
        try:
            calls = self._registry.hooks.of("dagu_open_executable")
            foreign = hook_calls.opener_of(calls, path, self._settings)
            known = foreign.known
        except (Exception, SystemExit) as error:
            self._registry.report(report, "failed", cause(error))
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
            self._registry.add(report, load)

    def _settle(self) -> None:
        """Give every word to one plugin, then build the catalog."""
        claims = [claim for its in self._registry.offers.values() for claim in claims_of(its)]
        claims += self._on_demand.claims
        if self._prefer or len(set(claims)) < len(claims):
            for report, get in self._on_demand.wake_all():
                self._registry.add(report, get)
            self._settle_clashes()
        for name, offers in self._registry.offers.items():
            self._registry.reports[name] = replace(
                self._registry.reports[name], parts=tuple(map(str, offers))
            )
        broken = reasons_of(self._registry.reports.values())
        origins = {name: report.provider for name, report in self._registry.reports.items()}
        offered = [offer for offers in self._registry.offers.values() for offer in offers]
        self.catalog.fill(Catalog.of(offered, broken, origins, self._refused))
        if self._settings is not None:
            self._settings.know([*settings_of(offered), *self._on_demand.settings])

    def _settle_clashes(self) -> None:
        from dagu_core.contracts.clashes import settle

        unasked = self._waiting.reports if self._waiting else {}
        settled = settle(
            self._registry.offers,
            self._registry.reports | unasked,
            self._registry.builtins,
            self._prefer,
            unasked,
        )
        self._wrong = settled.wrong
        for name, reason in settled.refused.items():
            words = (word for _, word in claims_of(self._registry.offers[name]))
            self._refused.update(dict.fromkeys(words, reason))
            self._registry.drop(name)
            self._registry.report(self._registry.reports[name], "failed", reason)
        self._registry.offers = settled.offers
