"""The instants of a backfill with `--step`: a beat of the past, held back as a schedule would be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pydantic import Field

from dagu_core.base.config import Config as Model
from dagu_core.contracts.trigger import ClockScope, ClockTrigger, Tick
from dagu_core.model.plan.schedule import ScheduleEntry

if TYPE_CHECKING:
    from datetime import tzinfo

    from dagu_core.app.app import App
    from dagu_core.model.plan.plan import Plan
    from dagu_core.schedule.planner import Planner

_DAY = 86_400.0
_KIND = "step"


class StepConfig(Model):
    """A beat."""

    since: float = Field(description="The first instant, in epoch seconds.")
    seconds: float = Field(description="How far apart they are.")


class Steps(ClockTrigger):
    """Instants that lie so many seconds apart. Whole days are days of the calendar, also where the
    clocks change."""

    name = _KIND
    Config = StepConfig

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        return next(self.ticks(config, scope, at), None)

    def ticks(self, config: Model, scope: ClockScope, after: float) -> Iterator[Tick]:
        assert isinstance(config, StepConfig)
        return map(Tick, beat(config.since, config.seconds, scope.zone, after))


def beat(since: float, step: float, zone: tzinfo, after: float) -> Iterator[float]:
    """The instants after `after` that lie a multiple of `step` seconds behind `since`."""
    first, (days, rest) = datetime.fromtimestamp(since, zone), divmod(step, _DAY)
    number = max(0, int((after - since) // step) - 1)
    while True:
        at = since + step * number if rest else (first + timedelta(days=days * number)).timestamp()
        if at > after:
            yield at
        number += 1


def stepping(app: App, plan: Plan, since: float, step: float) -> Planner:
    """A planner whose starts are a beat from `since` on, in place of those of the schedule; validity,
    exclusions and filters are those of the plan."""
    entry = ScheduleEntry("start", _KIND, {"since": since, "seconds": step}, "--step")
    plan = replace(plan, schedule=replace(plan.schedule, entries=(entry,)))
    catalog = replace(app.catalog, triggers={**app.catalog.triggers, _KIND: Steps})
    return app.schedules.planner(plan, catalog=catalog)
