"""The public surface: what plugins and servers may import. Names are loaded when first used."""

from __future__ import annotations

from importlib import import_module

# type checkers know this name without its import, which would cost more than all the rest here
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dagu_core.base.clock import Clock, SystemClock
    from dagu_core.base.config import Config, NoConfig
    from dagu_core.base.errors import (
        AlreadyExists,
        AlreadyRunning,
        Conflict,
        DaguError,
        Invalid,
        NotFound,
        NotRunning,
        PluginError,
        Unavailable,
        UsageError,
    )
    from dagu_core.base.masking import Masker
    from dagu_core.base.places import InvalidDefinition, Place, Problem
    from dagu_core.base.settings import Settings, SettingsItem, SettingsSection, parse_duration, setting
    from dagu_core.builtins.sqlite_store import SqliteStore
    from dagu_core.contracts.aside import in_thread
    from dagu_core.contracts.blocking import BlockingAttempt, BlockingExecutor
    from dagu_core.contracts.command import Command
    from dagu_core.contracts.executor import Attempt, Capability, Executor, Expansion, RunClosing, Writer
    from dagu_core.contracts.foreign import ForeignPlugin
    from dagu_core.contracts.guard import Guard
    from dagu_core.contracts.hookspecs import API_VERSION, hookimpl
    from dagu_core.contracts.notifier import Notice, Notifier
    from dagu_core.contracts.observer import Observer
    from dagu_core.contracts.part import Part
    from dagu_core.contracts.quantities import Duration, Size
    from dagu_core.contracts.secrets import SecretProvider, SecretScope
    from dagu_core.contracts.shell_code import variables_in
    from dagu_core.contracts.store import (
        Change,
        Damage,
        QueueState,
        RunQuery,
        StateStore,
        StoredRun,
        Versioned,
    )
    from dagu_core.contracts.trigger import (
        ClockScope,
        ClockTrigger,
        Fire,
        ScheduleFilter,
        Tick,
        Trigger,
        TriggerScope,
        Verdict,
    )
    from dagu_core.contracts.watching.ledger import FileLedger, FileLook
    from dagu_core.contracts.watching.patterns import FileSelection
    from dagu_core.contracts.watching.tracker import FileSign, FileState, FileTracker
    from dagu_core.contracts.watching.words import FileWatchConfig
    from dagu_core.contracts.worker import WorkerExecutor
    from dagu_core.model.plan.places import Places
    from dagu_core.model.plan.plan import Call, Plan, PlannedStep, SecretRef, Shell, Source
    from dagu_core.model.run.events import AttemptEnded, Event, Outcome, RunEnded, StepSettled
    from dagu_core.model.run.run import RunRef, RunSummary, StepRun
    from dagu_core.model.run.signals import Signal
    from dagu_core.model.status import RunStatus, StepStatus

_HOMES = {
    "base.clock": "Clock SystemClock",
    "base.config": "Config NoConfig",
    "base.errors": "AlreadyExists AlreadyRunning Conflict DaguError Invalid NotFound NotRunning "
    "PluginError Unavailable UsageError",
    "base.masking": "Masker",
    "base.places": "InvalidDefinition Place Problem",
    "base.settings": "Settings SettingsItem SettingsSection parse_duration setting",
    "builtins.sqlite_store": "SqliteStore",
    "contracts.aside": "in_thread",
    "contracts.blocking": "BlockingAttempt BlockingExecutor",
    "contracts.command": "Command",
    "contracts.executor": "Attempt Capability Executor Expansion RunClosing Writer",
    "contracts.foreign": "ForeignPlugin",
    "contracts.guard": "Guard",
    "contracts.hookspecs": "API_VERSION hookimpl",
    "contracts.notifier": "Notice Notifier",
    "contracts.observer": "Observer",
    "contracts.part": "Part",
    "contracts.quantities": "Duration Size",
    "contracts.secrets": "SecretProvider SecretScope",
    "contracts.store": "Change Damage QueueState RunQuery StateStore StoredRun Versioned",
    "contracts.trigger": "ClockScope ClockTrigger Fire ScheduleFilter Tick Trigger TriggerScope Verdict",
    "contracts.watching.ledger": "FileLedger FileLook",
    "contracts.watching.patterns": "FileSelection",
    "contracts.watching.tracker": "FileSign FileState FileTracker",
    "contracts.watching.words": "FileWatchConfig",
    "contracts.shell_code": "variables_in",
    "contracts.worker": "WorkerExecutor",
    "model.plan.places": "Places",
    "model.plan.plan": "Call Plan PlannedStep SecretRef Shell Source",
    "model.run.events": "AttemptEnded Event Outcome RunEnded StepSettled",
    "model.run.run": "RunRef RunSummary StepRun",
    "model.run.signals": "Signal",
    "model.status": "RunStatus StepStatus",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "API_VERSION",
    "AlreadyExists",
    "AlreadyRunning",
    "Attempt",
    "AttemptEnded",
    "BlockingAttempt",
    "BlockingExecutor",
    "Call",
    "Capability",
    "Change",
    "Clock",
    "ClockScope",
    "ClockTrigger",
    "Command",
    "Config",
    "Conflict",
    "DaguError",
    "Damage",
    "Duration",
    "Event",
    "Executor",
    "Expansion",
    "FileLedger",
    "FileLook",
    "FileSelection",
    "FileSign",
    "FileState",
    "FileTracker",
    "FileWatchConfig",
    "Fire",
    "ForeignPlugin",
    "Guard",
    "Invalid",
    "InvalidDefinition",
    "Masker",
    "NoConfig",
    "NotFound",
    "NotRunning",
    "Notice",
    "Notifier",
    "Observer",
    "Outcome",
    "Part",
    "Place",
    "Places",
    "Plan",
    "PlannedStep",
    "PluginError",
    "Problem",
    "QueueState",
    "RunClosing",
    "RunEnded",
    "RunQuery",
    "RunRef",
    "RunStatus",
    "RunSummary",
    "ScheduleFilter",
    "SecretProvider",
    "SecretRef",
    "SecretScope",
    "Settings",
    "SettingsItem",
    "SettingsSection",
    "Shell",
    "Signal",
    "Size",
    "Source",
    "SqliteStore",
    "StateStore",
    "StepRun",
    "StepSettled",
    "StepStatus",
    "StoredRun",
    "SystemClock",
    "Tick",
    "Trigger",
    "TriggerScope",
    "Unavailable",
    "UsageError",
    "Verdict",
    "Versioned",
    "WorkerExecutor",
    "Writer",
    "hookimpl",
    "in_thread",
    "parse_duration",
    "setting",
    "variables_in",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
