"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import ClockTrigger, Executor, Trigger, hookimpl
from dagu_filewatch.sensor import FileSensor
from dagu_filewatch.trigger import FileTrigger

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [FileSensor]


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [FileTrigger]
