"""The plugins that were registered: how each one fares, and what it offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from dagu_core.contracts.discovery import Choice
from dagu_core.contracts.hook_calls import Hooks
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.report import PluginReport, State, cause, made_for


class Registry:
    """Reports and offers by plugin; `builtins` are the parts of our own, `void` what the `choice` says that
    means nothing, a sentence each."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.reports: dict[str, PluginReport] = {}
        self.offers: dict[str, tuple[Offer, ...]] = {}
        self.builtins: set[str] = set()
        self.choice = Choice()
        self.void: list[str] = []

    def add(self, report: PluginReport, get: Callable[[], object]) -> None:
        """Register the plugin `get` returns under `report.name`, or report why not."""
        name = report.name
        if name in self.reports:
            taken = replace(report, name=f"{name} ({report.package})")
            self.report(taken, "failed", f"the name {name} is taken")
            return
        began = time.monotonic()
        try:
            plugin = get()
            report = replace(report, import_ms=round((time.monotonic() - began) * 1000, 1))
            if isinstance(plugin, type):
                plugin = plugin()
            report = replace(report, api=made_for(plugin))
            self.hooks.register(name, plugin)
            self.offers[name] = tuple(self.hooks.offers(name, plugin))
        except (Exception, SystemExit) as error:
            self.drop(name)
            self.report(report, "failed", cause(error))
            return
        if name not in self.builtins and self.choice.isolates(name, report.package):
            report = self._isolated(report)
        self.report(report, "loaded", "")

    def report(self, report: PluginReport, state: State, reason: str) -> None:
        """Keep how a plugin fares."""
        self.reports[report.name] = replace(report, state=state, reason=reason)

    def drop(self, name: str) -> None:
        """Forget what a plugin offers."""
        self.offers.pop(name, None)
        self.hooks.drop(name)

    def _isolated(self, report: PluginReport) -> PluginReport:
        from dagu_core.contracts.isolation import isolated, stays

        offers = self.offers[report.name]
        reasons = [reason for offer in offers if (reason := stays(offer))]
        self.void += [f"plugins.isolation: {reason}" for reason in reasons]
        self.offers[report.name] = tuple(map(isolated, offers))
        has_steps = any(offer.kind == "executor" for offer in offers)
        return replace(report, isolated=has_steps and not reasons)
