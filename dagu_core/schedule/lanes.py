"""Schedule entries with their triggers: each a lane of instants that the planner merges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from dagu_core.base.config import Config
from dagu_core.base.errors import Invalid, PluginError
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.trigger import ClockScope, ClockTrigger, Tick
from dagu_core.model.plan.schedule import ScheduleEntry


class Clockwork(Struct, frozen=True):
    """A clock trigger with what it needs to be asked."""

    trigger: ClockTrigger
    config: Config
    scope: ClockScope

    def next_after(self, at: float) -> Tick | None:
        """The first instant strictly after `at`."""
        return self.trigger.next_after(self.config, self.scope, at)

    def ticks(self, after: float) -> Iterator[Tick]:
        """All instants after `after`, in order. Raises PluginError for a trigger that stands still."""
        before = after
        for tick in self.trigger.ticks(self.config, self.scope, after):
            if tick.at <= before:
                raise PluginError(f"schedule {self.trigger.name}: {tick.at} does not come after {before}")
            before = tick.at
            yield tick


class Lane(Struct, frozen=True):
    """An entry and its clockwork; `index` is its place in the file, `rank` that of its action among
    those of one instant, `exact` says that it is meant to the second."""

    index: int
    rank: int
    entry: ScheduleEntry
    work: Clockwork
    exact: bool = False


def clockwork(
    catalog: Catalog, kind: str, config: Mapping[str, Any], text: str, scope: ClockScope
) -> Clockwork:
    """The trigger of the word `kind`, ready to be asked. Raises NotFound without its plugin and
    Invalid for a config it refuses."""
    trigger = catalog.clock_trigger(kind)
    try:
        model = trigger.Config.model_validate(dict(config))
    except ValidationError as error:
        wrong = "; ".join(str(item["msg"]) for item in error.errors(include_url=False))
        raise Invalid(f"schedule {text[:80]!r}: {wrong}") from None
    return Clockwork(trigger(), model, scope)
