"""Every hook of the core, with its promise.

Hooks are called at load time only, synchronously, in no particular order. They hand over nouns
(classes, models, descriptions); methods of those do the verbs at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from dagu_core.base.config import Config
    from dagu_core.base.places import Problem
    from dagu_core.base.settings import Settings, SettingsSection
    from dagu_core.contracts.command import Command
    from dagu_core.contracts.executor import Executor
    from dagu_core.contracts.foreign import ForeignPlugin
    from dagu_core.contracts.guard import Guard
    from dagu_core.contracts.notifier import Notifier
    from dagu_core.contracts.observer import Observer
    from dagu_core.contracts.secrets import SecretProvider
    from dagu_core.contracts.store import StateStore
    from dagu_core.contracts.trigger import ClockTrigger, ScheduleFilter, Trigger
    from dagu_core.model.plan.places import Places
    from dagu_core.model.plan.plan import Plan

API_VERSION = 1
PROJECT = "dagu"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def dagu_register_executors() -> list[type[Executor[Any]]]:
    """Offer step types.

    Return classes, not instances; an empty list is fine. Two classes of one name are refused and
    both plugins are reported.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_guards() -> list[type[Guard]]:
    """Offer step keys that must hold around an attempt (`lock:`, `rate:`, `resources:`).

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    """Offer reasons for a run to begin.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_schedule_filters() -> list[type[ScheduleFilter]]:
    """Offer DAG keys that hold back or move scheduled starts.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_stores() -> list[type[StateStore]]:
    """Offer state stores; the settings choose one by its URL scheme.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_notifiers() -> list[type[Notifier]]:
    """Offer DAG keys that say whom to tell.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_secret_providers() -> list[type[SecretProvider]]:
    """Offer places where secrets are kept (`provider:` of a secret).

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_observers() -> list[type[Observer]]:
    """Offer watchers of committed events.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    """Offer DAG-level keys (`ssh:`, `smtp:`); executors and guards find the model, made with the
    values of the run, in `attempt.dag_fields`.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_settings() -> list[type[SettingsSection]]:
    """Offer sections of the configuration file, with their environment variables.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_register_commands() -> list[Command]:
    """Offer verbs of the command line.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def dagu_read_source(path: Path, text: str) -> str | None:
    """Turn another way of writing a DAG into YAML before it is parsed; None = not mine.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    """Look at a valid plan and return findings; one of severity error makes the file invalid.

    `settings` (which an implementation may leave out, as `places`) are those of the app, None without
    one. `places` tells where the parts of the plan stand in the file. A plugin that raises here, or
    returns anything but problems, is told as a finding that names it: an error (D034) for a file that
    uses a word of the plugin, a warning (W034) for any other.
    A file with errors is judged, too, as if a plain command stood for each step that has one.

    .. versionadded:: API 1
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def dagu_open_executable(path: Path, settings: Settings | None) -> ForeignPlugin | None:
    """Say how to speak with an executable of `plugins.executables`; None = not mine.

    Called for each of them at every start: look at the file, start nothing. `settings` are None
    without an app.

    .. versionadded:: API 1
    """
    raise NotImplementedError
