"""The schedule kind `at`: one instant."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, field_validator

from dagu_core import ClockScope, ClockTrigger, Tick, Trigger, hookimpl
from dagu_core import Config as Model


class AtConfig(Model):
    """One instant."""

    at: str = Field(
        description="RFC 3339, such as 2026-12-01T08:00:30+01:00; without an offset in the zone of the DAG."
    )

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no time such as 2026-12-01T08:00:30+01:00") from None
        return text.strip()


class AtTrigger(ClockTrigger):
    """One instant, once."""

    name = "at"
    Config = AtConfig

    def backfillable(self, config: Model) -> bool:
        return False

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        assert isinstance(config, AtConfig)
        moment = datetime.fromisoformat(config.at)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=scope.zone)
        instant = moment.timestamp()
        return Tick(instant) if instant > at else None


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [AtTrigger]
