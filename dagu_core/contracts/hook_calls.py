"""How one hook of one plugin is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu_core.base.errors import PluginError
from dagu_core.contracts.report import cause

if TYPE_CHECKING:
    import pluggy

    from dagu_core.base.places import Problem
    from dagu_core.base.settings import Settings
    from dagu_core.model.plan.plan import Plan

#: (name of the plugin, what calls its hook)
Calls = Iterable[tuple[str, Callable[..., Any]]]


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


def findings_of(calls: Calls, plan: Plan, settings: Settings | None) -> tuple[list[Problem], dict[str, str]]:
    """What plugins find about a plan, and why each that broke was left out."""
    from dagu_core.base.places import Problem

    findings: list[Problem] = []
    broken: dict[str, str] = {}
    for name, call in calls:
        try:
            found = list(call(plan=plan, settings=settings))
            if stranger := next((each for each in found if not isinstance(each, Problem)), None):
                raise PluginError(f"found a {type(stranger).__name__}, not a Problem")
            findings += found
        except (Exception, SystemExit) as error:
            broken[name] = f"dagu_lint: {cause(error)}"
    return findings, broken


def registrations(plugins: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, pluggy.HookImpl]]:
    """The hooks by which a plugin hands over what it offers, by name."""
    for caller in sorted(plugins.get_hookcallers(plugin) or (), key=lambda each: each.name):
        if caller.name.startswith("dagu_register_"):
            for found in caller.get_hookimpls():
                if found.plugin is plugin:
                    yield caller.name, found


def itself(plugin: object) -> object:
    """A plugin that is given instead of imported."""
    return plugin
