"""What this package offers."""

from __future__ import annotations

from dagu_core import ClockTrigger, Trigger, hookimpl
from dagu_cron.trigger import CronTrigger


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [CronTrigger]
