"""A schedule: `@beat 90` is due every 90 seconds of the clock."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from dagu_core import ClockScope, ClockTrigger, Config, Invalid, Tick, Trigger, hookimpl


class BeatConfig(Config):
    """How often."""

    seconds: int = Field(gt=0, description="Seconds between two starts.")


class Beat(ClockTrigger):
    """Is due at every multiple of a number of seconds."""

    name = "beat"
    Config = BeatConfig

    @classmethod
    def read(cls, text: str) -> Mapping[str, Any] | None:
        word, _, seconds = text.partition(" ")
        if word != "@beat":
            return None
        if not seconds.isdecimal():
            raise Invalid(f"no number of seconds: {seconds!r}", hint="write it as `@beat 90`")
        return {"seconds": int(seconds)}

    def next_after(self, config: Any, scope: ClockScope, at: float) -> Tick | None:
        return Tick((at // config.seconds + 1) * config.seconds)

    def closest(self, config: Any) -> float:
        return float(config.seconds)


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [Beat]
