"""Makes a plugin out of parts, so that a test can load them without installing anything."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from dagu_core.base.config import Config
from dagu_core.contracts.executor import Executor
from dagu_core.contracts.guard import Guard
from dagu_core.contracts.hookspecs import hookimpl
from dagu_core.contracts.notifier import Notifier
from dagu_core.contracts.observer import Observer
from dagu_core.contracts.secrets import SecretProvider
from dagu_core.contracts.store import StateStore
from dagu_core.contracts.trigger import ClockTrigger, ScheduleFilter, Trigger

_HOOKS: dict[type, str] = {
    Executor: "dagu_register_executors",
    Guard: "dagu_register_guards",
    Trigger: "dagu_register_triggers",
    ClockTrigger: "dagu_register_triggers",
    ScheduleFilter: "dagu_register_schedule_filters",
    Notifier: "dagu_register_notifiers",
    SecretProvider: "dagu_register_secret_providers",
    Observer: "dagu_register_observers",
    StateStore: "dagu_register_stores",
}


def offering(
    *parts: type, name: str = "under_test", dag_fields: dict[str, type[Config]] | None = None
) -> object:
    """A plugin that offers these parts, of any kinds, and these DAG-level keys.

    Raises TypeError for a class that is no part.
    """
    answers: dict[str, Any] = {}
    for part in parts:
        hook = next((hook for base, hook in _HOOKS.items() if issubclass(part, base)), None)
        if hook is None:
            raise TypeError(f"{part.__name__} is no part a plugin can offer")
        answers.setdefault(hook, []).append(part)
    if dag_fields:
        answers["dagu_register_dag_fields"] = dag_fields
    hooks = {hook: hookimpl(_answering(answer), specname=hook) for hook, answer in answers.items()}
    return SimpleNamespace(__name__=name, **hooks)


def _answering(answer: Any) -> Callable[[], Any]:
    return lambda: answer
