"""The hooks of the plugins that are loaded, and how one of them is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from dagu_core.base.errors import PluginError
from dagu_core.contracts import hookspecs
from dagu_core.contracts.offers import Offer, offers_of
from dagu_core.contracts.report import cause

if TYPE_CHECKING:
    from dagu_core.base.places import Problem
    from dagu_core.base.settings import Settings
    from dagu_core.contracts.foreign import ForeignPlugin
    from dagu_core.model.plan.places import Places
    from dagu_core.model.plan.plan import Plan

#: how the hooks begin by which a plugin hands over what it offers
_OFFERS = "dagu_register_"
#: (name of the plugin, what calls its hook)
Calls = Iterable[tuple[str, Callable[..., Any]]]


class Hooks:
    """Those of the plugins that were registered; `trace` tells every call on stderr."""

    def __init__(self, trace: bool) -> None:
        self._plugins = pluggy.PluginManager(hookspecs.PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._trace = trace

    def register(self, name: str, plugin: object) -> None:
        """Take a plugin in. Raises what is wrong with its hooks; it is then to be dropped."""
        self._plugins.register(plugin, name=name)
        self._plugins.check_pending()
        refuse_wrappers(self._plugins, plugin)

    def drop(self, name: str) -> None:
        """Forget a plugin, if it is there."""
        if self._plugins.has_plugin(name):
            self._plugins.unregister(name=name)

    def plugin(self, name: str) -> object:
        """The plugin of that name, None without one."""
        return self._plugins.get_plugin(name)

    def only_offers(self, name: str) -> bool:
        """Whether a plugin has no hooks but those by which it hands over what it offers."""
        callers = self._plugins.get_hookcallers(self.plugin(name))
        return callers is not None and all(caller.name.startswith(_OFFERS) for caller in callers)

    def of(self, hook: str) -> Calls:
        """Who has that hook, in the order of pluggy: the last that was registered first."""
        for found in reversed(getattr(self._plugins.hook, hook).get_hookimpls()):
            yield found.plugin_name, self._caller(hook, found)

    def offers(self, name: str, plugin: object) -> Iterator[Offer]:
        """What a plugin hands over. Raises PluginError for what breaks the contract."""
        for hook, found in registrations(self._plugins, plugin):
            try:
                yield from offers_of(name, hook, self._caller(hook, found)())
            except PluginError:
                raise
            except (Exception, SystemExit) as error:
                raise PluginError(f"{hook} raised {cause(error)}") from error

    def _caller(self, hook: str, found: pluggy.HookImpl) -> Callable[..., Any]:
        return traced(hook, found) if self._trace else partial(called, found)


def is_traced(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks to see every hook call (`DAGU_TRACE_HOOKS=1`)."""
    return environ.get("DAGU_TRACE_HOOKS", "") not in ("", "0")


def called(found: pluggy.HookImpl, **arguments: Any) -> Any:
    """What the plugin answers, given those of the arguments it takes."""
    return found.function(*(arguments[name] for name in found.argnames))


def traced(hook: str, found: pluggy.HookImpl) -> Callable[..., Any]:
    """A function that calls the plugin and tells on stderr what it answered."""

    def call(**arguments: Any) -> Any:
        started = time.monotonic()
        answer = called(found, **arguments)
        spent = (time.monotonic() - started) * 1000
        sys.stderr.write(f"hook {hook} <- {found.plugin_name}: {answer!r} in {spent:.1f} ms\n")
        return answer

    return call


def refuse_wrappers(plugins: pluggy.PluginManager, plugin: object) -> None:
    """Raise PluginError for a plugin that would stand around the hooks of others."""
    for caller in plugins.get_hookcallers(plugin) or ():
        for found in caller.get_hookimpls():
            if found.plugin is plugin and (found.wrapper or found.hookwrapper):
                raise PluginError(f"{caller.name} is a wrapper; plugins may not wrap each other's hooks")


def source_of(calls: Calls, path: Path, text: str) -> str | None:
    """What the first plugin that can read `text` makes of it. Raises PluginError when one breaks."""
    for name, call in calls:
        try:
            answer = call(path=path, text=text)
        except (Exception, SystemExit) as error:
            raise PluginError(f"plugin {name} cannot read {path}: {cause(error)}") from error
        if answer is not None:
            return str(answer)
    return None


def opener_of(calls: Calls, path: Path, settings: Settings | None) -> ForeignPlugin:
    """How the first plugin that can speak with an executable does it. Raises PluginError without one."""
    answers = (call(path=path, settings=settings) for _, call in calls)
    foreign: ForeignPlugin | None = next(filter(None, answers), None)
    if foreign is None:
        raise PluginError("no plugin can run it: pip install dagu-process")
    return foreign


def findings_of(
    calls: Calls, plan: Plan, settings: Settings | None, places: Places | None
) -> tuple[list[Problem], dict[str, str]]:
    """What plugins find about a plan, and why each that broke was left out."""
    from dagu_core.model.plan.places import Places

    places = places or Places()
    findings: list[Problem] = []
    broken: dict[str, str] = {}
    for name, call in calls:
        try:
            findings += _checked(call(plan=plan, settings=settings, places=places))
        except (Exception, SystemExit) as error:
            broken[name] = f"dagu_lint: {cause(error)}"
    return findings, broken


def _checked(answer: object) -> list[Problem]:
    """The findings of one plugin. Raises PluginError for anything else, and for values they may not have."""
    from msgspec import ValidationError, convert, to_builtins

    from dagu_core.base.places import Problem

    if not isinstance(answer, list | tuple):
        raise PluginError(f"returned a {type(answer).__name__}, not a list")
    for each in answer:
        if not isinstance(each, Problem):
            raise PluginError(f"found a {type(each).__name__}, not a Problem")
        try:
            convert(to_builtins(each), Problem)
        except (ValidationError, TypeError) as error:
            raise PluginError(f"found a Problem with a value it may not have: {error}") from None
    return list(answer)


def registrations(plugins: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, pluggy.HookImpl]]:
    """The hooks by which a plugin hands over what it offers, by name."""
    for caller in sorted(plugins.get_hookcallers(plugin) or (), key=lambda each: each.name):
        if caller.name.startswith(_OFFERS):
            for found in caller.get_hookimpls():
                if found.plugin is plugin:
                    yield caller.name, found


def itself(plugin: object) -> object:
    """A plugin that is given instead of imported."""
    return plugin
