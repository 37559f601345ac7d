"""The schedule kind `cron`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from dagu_core import ClockScope, ClockTrigger, Invalid, Tick, parse_duration
from dagu_core import Config as Model
from dagu_cron.expression import DESCRIPTORS

#: nothing of cron comes more often
_LEAST, _MINUTE = 1.0, 60.0
#: fields of a line whose first one is the second
_WITH_SECONDS = 6


class CronConfig(Model):
    """A line of cron."""

    spellings: ClassVar[dict[str, str]] = {"cron": "expression"}

    expression: str = Field(
        description="Five fields, six with the seconds first, `@daily` and its like, or `@every 90s`."
    )

    @field_validator("expression")
    @classmethod
    def _is_cron(cls, text: str) -> str:
        if is_every(text):
            period_of(text)
        else:
            from dagu_cron.expression import parse

            parse(text)
        return text


class CronTrigger(ClockTrigger):
    """Lines of cron: five fields, six with the seconds first, `@daily` and its like, `@every 90s`."""

    name = "cron"
    Config = CronConfig

    @classmethod
    def read(cls, text: str) -> Mapping[str, Any] | None:
        words = text.split()
        if not words:
            return None
        if words[0].startswith("@"):
            if words[0].lower() not in (*DESCRIPTORS, "@every"):
                return None
        elif len(words) == 1 or (len(words) < 5 and not set(words[0]) & set("0123456789*")):
            return None
        line = " ".join(words)
        try:
            cls.Config.model_validate({"expression": line})
        except ValueError:
            _raise_mistake(line)
        return {"expression": line}

    def backfillable(self, config: Model) -> bool:
        return not is_every(_line(config))

    def exact(self, config: Model) -> bool:
        line = _line(config)
        return period_of(line) < _MINUTE if is_every(line) else len(line.split()) == _WITH_SECONDS

    def closest(self, config: Model) -> float:
        from dagu_cron.pace import closest

        return closest(_line(config))

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        return next(self.ticks(config, scope, at), None)

    def ticks(self, config: Model, scope: ClockScope, after: float) -> Iterator[Tick]:
        line = _line(config)
        if is_every(line):
            return _beats(period_of(line), scope.anchor, after)
        from dagu_cron.expression import parse
        from dagu_cron.instants import ticks_after

        return ticks_after(parse(line), scope.zone, after)


def period_of(line: str) -> float:
    """Seconds between two fires of `@every 90s`. Raises ValueError."""
    period = parse_duration(line.split(None, 1)[1] if len(line.split()) > 1 else "")
    if period < _LEAST:
        raise ValueError(f"{line!r}: nothing comes more often than every second")
    return period


def _line(config: Model) -> str:
    assert isinstance(config, CronConfig)
    return config.expression


def is_every(line: str) -> bool:
    """Whether a line is a beat of its own: `@every 90s`."""
    return line.strip().lower().partition(" ")[0] == "@every"


def _beats(period: float, anchor: float, after: float) -> Iterator[Tick]:
    number = max(1, math.floor((after - anchor) / period) + 1)
    if anchor + number * period <= after:
        number += 1
    while True:
        yield Tick(anchor + number * period)
        number += 1


def _raise_mistake(line: str) -> None:
    try:
        if is_every(line):
            period_of(line)
        else:
            from dagu_cron.expression import parse

            parse(line)
    except ValueError as error:
        raise Invalid(f"invalid schedule: {error}", hint="see the page of the plugin dagu-cron") from None
