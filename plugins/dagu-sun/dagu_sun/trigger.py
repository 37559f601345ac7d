"""The schedule kind `sun`."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from dagu_core import ClockScope, ClockTrigger, Invalid, Tick
from dagu_core import Config as Model
from dagu_sun.config import EVENTS, WRONG, SunConfig, days_of, nearest, seconds_of, time_of

if TYPE_CHECKING:
    from dagu_sun.events import SolarDay, Spot

_SHORT = re.compile(r"@([A-Za-z]+)\s*([+-].*)?")
#: an instant lies at most a solar day and an offset away from the noon it belongs to
_DAYS_AROUND = timedelta(days=3)
_HOUR = 3600.0


class SunTrigger(ClockTrigger):
    """Sunrise, sunset, dawn, dusk, noon and midnight of the sun, earlier or later when wanted."""

    name = "sun"
    Config = SunConfig

    @classmethod
    def read(cls, text: str) -> Mapping[str, Any] | None:
        match = _SHORT.fullmatch(text.strip())
        if match is None:
            return None
        word, offset = match[1].lower(), (match[2] or "").strip()
        if word == "midnight" and not offset:
            # That is 00:00 in the language of cron.
            return None
        if word not in EVENTS:
            if word.startswith("sun") or (hint := nearest(word)):
                hint = nearest(word) or f"known are @{', @'.join(EVENTS)}"
                raise Invalid(f"invalid schedule: unknown event @{word[:20]}", hint=hint, code=WRONG)
            return None
        if not offset:
            return {"sun": word}
        try:
            seconds_of(offset)
        except ValueError as error:
            raise Invalid(f"invalid schedule: {error}", hint="write @sunset-30m", code=WRONG) from None
        return {"sun": word, "offset": offset.replace(" ", "")}

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        return next(self.ticks(config, scope, at), None)

    def ticks(self, config: Model, scope: ClockScope, after: float) -> Iterator[Tick]:
        """Every event after `after`; days without one as skipped ticks at their solar noon.

        Raises Invalid when the place is unknown.
        """
        assert isinstance(config, SunConfig)
        from dagu_sun.events import SolarDay

        spot = spot_of(scope.location)
        try:
            day = datetime.fromtimestamp(after, UTC).date() - _DAYS_AROUND
        except (OverflowError, ValueError, OSError):
            return
        waiting: list[tuple[float, str, str]] = []
        last = after
        while day < date.max - 2 * _DAYS_AROUND:
            solar = SolarDay(spot, day)
            if (tick := _tick(config, scope, solar)) is not None:
                heapq.heappush(waiting, (tick.at, tick.skipped, tick.note))
            # Whatever later days bring lies behind this.
            sure = solar.noon() - _HOUR
            while waiting and waiting[0][0] < sure:
                at, skipped, note = heapq.heappop(waiting)
                if at > last:
                    yield Tick(at, skipped, note)
                    last = at
            day += timedelta(days=1)


def spot_of(location: Mapping[str, Any] | None) -> Spot:
    """The place in the data of a definition or the settings. Raises Invalid."""
    from dagu_sun.events import Spot

    if not location:
        hint = "write `location: {lat: 59.91, lon: 10.75}` under `schedule` or in the settings"
        raise Invalid("a schedule that follows the sun needs a location", hint=hint, code="D081")
    try:
        lat, lon = float(location["lat"]), float(location["lon"])
        spot = Spot(lat, lon, float(location.get("elevation") or 0.0))
    except (KeyError, TypeError, ValueError):
        raise Invalid("location: `lat` and `lon` must be numbers", code=WRONG) from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise Invalid(f"location: {spot} is no place: lat is within ±90, lon within ±180", code=WRONG)
    return spot


def _tick(config: SunConfig, scope: ClockScope, solar: SolarDay) -> Tick | None:
    """What the solar day brings; None when it is not one of the weekdays."""
    found = solar.event(config.sun, config.twilight)
    instant = round(solar.noon() if found is None else found)
    day = datetime.fromtimestamp(instant, scope.zone).date()
    if config.days and day.weekday() not in days_of(config.days):
        return None
    if found is not None:
        at = round(instant + seconds_of(config.offset))
        is_elsewhere = datetime.fromtimestamp(at, scope.zone).date() != day
        return Tick(float(at), note=f"{config.sun} of {day}" if is_elsewhere else "")
    reason = f"no {_shown(config)} on {day} at {solar.spot}"
    if not config.fallback:
        return Tick(float(instant), skipped=reason)
    second = time_of(config.fallback)
    clock = time(second // 3600, second // 60 % 60, second % 60)
    at = round(datetime.combine(day, clock, tzinfo=scope.zone).timestamp())
    return Tick(float(at), note=f"{reason}: fallback {config.fallback}")


def _shown(config: SunConfig) -> str:
    is_twilight = config.sun in ("dawn", "dusk") and config.twilight != "civil"
    return f"{config.twilight} {config.sun}" if is_twilight else config.sun
