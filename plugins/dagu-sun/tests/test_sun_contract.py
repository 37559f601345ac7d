"""The suite every clock trigger keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from dagu_core import ClockScope, Invalid
from dagu_core.testing.trigger_contract import STARTS, ZONES, ClockTriggerContract
from dagu_sun.config import SunConfig
from dagu_sun.trigger import SunTrigger


class TestSun(ClockTriggerContract):
    trigger = SunTrigger
    location: ClassVar[Mapping[str, Any] | None] = {"lat": 59.91, "lon": 10.75, "elevation": 23}

    def entries(self) -> Sequence[Mapping[str, Any] | str]:
        return [
            "@sunrise",
            "@sunset-30m",
            "@dawn + 1h30m",
            "@Noon",
            "@midnight-12h",
            {"sun": "dusk", "offset": "10m", "days": ["MON-FRI"], "twilight": "astronomical"},
            {"sun": "dawn", "twilight": "astronomical", "fallback": "03:30", "offset": "-12h"},
            {"sun": "sunset", "days": "SUN"},
            {"sun": "midnight"},
        ]


class TestSunInTheNorth(TestSun):
    location: ClassVar[Mapping[str, Any] | None] = {"lat": 78.22, "lon": 15.65}


class TestSunBeyondTheDateLine(TestSun):
    location: ClassVar[Mapping[str, Any] | None] = {"lat": -13.83, "lon": -171.76}


@pytest.mark.parametrize("at", [1e18, -1e18])
def test_instants_no_calendar_has(at: float) -> None:
    scope = ClockScope(ZONES[0], location={"lat": 0, "lon": 0})
    assert SunTrigger().next_after(SunConfig(sun="noon"), scope, at) is None


@pytest.mark.parametrize(
    ("location", "code"),
    [
        (None, "D081"),
        ({}, "D081"),
        ({"lat": 1}, "D082"),
        ({"lat": "north", "lon": 1}, "D082"),
        ({"lat": 90.1, "lon": 0}, "D082"),
        ({"lat": 0, "lon": -180.5}, "D082"),
        ({"lat": float("nan"), "lon": 0}, "D082"),
    ],
)
def test_a_place_that_is_none(location: Any, code: str) -> None:
    scope = ClockScope(ZONES[0], location=location)
    with pytest.raises(Invalid) as caught:
        SunTrigger().next_after(SunConfig(sun="noon"), scope, STARTS[0])
    assert caught.value.details["code"] == code
