"""The schedule kind `at`: one instant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from dagu_core import ClockScope, ClockTrigger, Tick, Trigger, hookimpl
from dagu_core.contracts.part import Later

if TYPE_CHECKING:
    from dagu_core import Config as Model


class AtTrigger(ClockTrigger):
    """One instant, once."""

    name = "at"
    Config = Later.of("dagu_core.builtins.at_config", "AtConfig")

    def backfillable(self, config: Model) -> bool:
        return False

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        from dagu_core.builtins.at_config import AtConfig

        assert isinstance(config, AtConfig)
        moment = datetime.fromisoformat(config.at)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=scope.zone)
        instant = moment.timestamp()
        return Tick(instant) if instant > at else None


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [AtTrigger]
