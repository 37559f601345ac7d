"""What this package offers."""

from __future__ import annotations

from dagu_core import ClockTrigger, Places, Plan, Problem, Settings, Trigger, hookimpl
from dagu_cron.trigger import CronTrigger

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [CronTrigger]


@hookimpl
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    if not any(entry.kind == CronTrigger.name for entry in plan.schedule.entries):
        return []
    from dagu_cron.pace import problems

    return problems(plan, places, settings.scheduler.min_interval if settings is not None else 0.0)
