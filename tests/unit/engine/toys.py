"""Makes plugins out of a few classes and runs definitions with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dagu_core import (
    Config,
    Executor,
    Guard,
    NoConfig,
    Notifier,
    Observer,
    SecretProvider,
    StateStore,
    hookimpl,
)
from tests.gotchas.lab import Lab

_HOOKS = {
    Executor: "executors",
    Guard: "guards",
    Notifier: "notifiers",
    Observer: "observers",
    SecretProvider: "secret_providers",
    StateStore: "stores",
}


def plugin(name: str, *parts: type, fields: dict[str, type[Config]] | None = None, **hooks: Any) -> object:
    """A plugin that offers these parts, these DAG fields, and implements these hooks."""
    offers: dict[str, list[type]] = {}
    for part in parts:
        hook = next(hook for base, hook in _HOOKS.items() if issubclass(part, base))
        offers.setdefault(f"dagu_register_{hook}", []).append(part)
    found = SimpleNamespace(__name__=name)
    for hook, given in offers.items():
        setattr(found, hook, hookimpl(_answer(given), specname=hook))
    if fields:
        found.dagu_register_dag_fields = hookimpl(_answer(fields), specname="dagu_register_dag_fields")
    for hook, call in hooks.items():
        setattr(found, hook, hookimpl(call, specname=hook))
    return found


def _answer(given: Any) -> Any:
    return lambda: given


class Toys(Lab):
    """A home with plugins of the test's own."""

    def give(self, *parts: type, **more: Any) -> None:
        """Register one plugin more."""
        self.plugins.append(plugin(f"toys{len(self.plugins)}", *parts, **more))


def executor(
    run: Any, *, name: str = "toy", config: type[Config] = NoConfig, **more: Any
) -> type[Executor[Any]]:
    """A step type whose `run` is this coroutine function of one attempt."""

    async def run_it(self: Any, attempt: Any) -> Any:
        return await run(attempt)

    space = {"name": name, "Config": config, "run": run_it, "__doc__": "A toy."}
    return type("Toy", (Executor,), {**space, **more})
