"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_calendar.filter import CalendarFilter
from dagu_core import Command, Places, Plan, Problem, ScheduleFilter, Settings, hookimpl

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_schedule_filters() -> list[type[ScheduleFilter]]:
    return [CalendarFilter]


@hookimpl
def dagu_register_commands() -> list[Command]:
    return [Command("calendar", "Import, list, show, check and remove calendars.", _command)]


@hookimpl
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    if CalendarFilter.name not in plan.fields or settings is None:
        return []
    from dagu_calendar.lint import problems

    return problems(plan, places, settings.config_folder)


def _command() -> Any:
    from dagu_calendar.verb import command

    return command
