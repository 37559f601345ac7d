"""Solar days and what the sun does on them, in epoch seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime

from astral import SunDirection, refraction_at_zenith
from astral.julian import julianday, julianday_to_juliancentury
from astral.sun import SUN_APPARENT_RADIUS, adjust_to_horizon, eq_of_time, hour_angle, sun_declination

_DEPRESSION = {"civil": 6.0, "nautical": 12.0, "astronomical": 18.0}
_HALF_DAY = 720.0
#: the hour angle has no sense at the very poles
_MOST_NORTH = 89.8
#: each round moves the result by less than the one before; three agree to a fraction of a second
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on Earth: degrees, metres."""

    lat: float
    lon: float
    elevation: float = 0.0

    def __str__(self) -> str:
        return f"{self.lat:g},{self.lon:g}"


@dataclass(frozen=True, slots=True)
class SolarDay:
    """The day around one solar noon at a place.

    astral's own functions name events by the date of UTC or of a zone, so that one that drifts over
    midnight is met twice or not at all; here every event belongs to exactly one noon.
    """

    spot: Spot
    date: date

    def noon(self) -> float:
        """When the sun is highest."""
        minutes = _HALF_DAY - 4 * self.spot.lon
        for _ in range(_ROUNDS):
            minutes = _HALF_DAY - 4 * self.spot.lon - eq_of_time(self._century(minutes))
        return self._instant(minutes)

    def event(self, name: str, twilight: str = "civil") -> float | None:
        """When the event happens, None when it does not."""
        if name == "noon":
            return self.noon()
        if name == "midnight":
            return self.noon() - _HALF_DAY * 60
        below = _DEPRESSION[twilight] if name in ("dawn", "dusk") else SUN_APPARENT_RADIUS
        rises = name in ("dawn", "sunrise")
        return self._passing(90.0 + below, SunDirection.RISING if rises else SunDirection.SETTING)

    def _passing(self, zenith: float, direction: SunDirection) -> float | None:
        if self.spot.elevation > 0:
            zenith += adjust_to_horizon(self.spot.elevation)
        zenith += refraction_at_zenith(zenith)
        lat = max(-_MOST_NORTH, min(_MOST_NORTH, self.spot.lat))
        minutes = _HALF_DAY - 4 * self.spot.lon
        try:
            for _ in range(_ROUNDS):
                century = self._century(minutes)
                angle = hour_angle(lat, sun_declination(century), zenith, direction)
                minutes = _HALF_DAY - 4 * (self.spot.lon + math.degrees(angle)) - eq_of_time(century)
        except ValueError:
            return None
        return self._instant(minutes)

    def _century(self, minutes: float) -> float:
        return julianday_to_juliancentury(julianday(self.date) + minutes / 1440)

    def _instant(self, minutes: float) -> float:
        midnight = datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC)
        return midnight.timestamp() + minutes * 60
