"""When the sun starts something."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from astral import Observer
from astral.sun import dawn, dusk, sunrise, sunset

from dagu_sun.events import SolarDay, Spot

Fires = Callable[..., list[str]]

LONDON = "timezone: Europe/London\nschedule: {{location: {{lat: 51.5074, lon: -0.1278}}, {}}}"
TROMSO = "timezone: Europe/Oslo\nschedule: {{location: {{lat: 69.65, lon: 18.96}}, start: [{}]}}"


def clock(line: str) -> datetime:
    return datetime.strptime(f"2026-{line[:14]}", "%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("event", "day", "expected"),
    [
        ("sunrise", "2026-06-21", "04:43"),
        ("sunset", "2026-06-21", "21:21"),
        ("sunrise", "2026-12-21", "08:04"),
        ("sunset", "2026-12-21", "15:53"),
    ],
)
def test_london_at_the_solstices(fires: Fires, event: str, day: str, expected: str) -> None:
    (line,) = fires(LONDON.format(f"start: '@{event}'"), day, f"{day}T23:59:59")
    wanted = datetime.fromisoformat(f"{day}T{expected}")
    assert abs(clock(line) - wanted) <= timedelta(seconds=60)


def test_an_offset_is_exact(fires: Fires) -> None:
    plain = fires(LONDON.format("start: '@sunset'"), "2026-01-01", "2027-01-01")
    early = fires(LONDON.format("start: '@sunset-30m'"), "2026-01-01", "2027-01-01")
    assert len(plain) == len(early) == 365
    assert {clock(a) - clock(b) for a, b in zip(plain, early, strict=True)} == {timedelta(minutes=30)}


def test_polar_days_and_nights_start_nothing_and_say_so(fires: Fires) -> None:
    lines = fires(TROMSO.format("'@sunset'"), "2026-01-01", "2027-01-01")
    silent = [line for line in lines if " - " in line]
    assert "no sunset on 2026-06-21 at 69.65,18.96" in [line.partition(" - ")[2] for line in silent]
    dark = {line[:5] for line in silent}
    whole = {date(2026, 5, 20) + timedelta(days=number) for number in range(65)}
    night = {date(2026, 11, 28) + timedelta(days=number) for number in range(34)}
    assert {f"{day:%m-%d}" for day in whole | night} <= dark
    assert len(lines) in (364, 365, 366) and 110 < len(silent) < 125
    # One line a day, whether it fires or not.
    assert len({line[:5] for line in lines}) >= 363


def test_a_summer_without_sunset_lists_only_reasons(fires: Fires) -> None:
    lines = fires(TROMSO.format("'@sunset', '@sunrise+1h'"), "2026-06-01", "2026-07-01")
    # One instant for both: solar noon.
    assert len(lines) == 30
    assert all(" - no sunset on" in line and "; no sunrise on" in line for line in lines)


def test_a_fallback_fills_days_without_the_event(fires: Fires) -> None:
    lines = fires(TROMSO.format("{sun: sunset, fallback: '16:30'}"), "2026-06-01", "2026-07-01")
    assert [line[:14] for line in lines] == [f"06-{day:02} 16:30:00" for day in range(1, 31)]
    assert lines[20] == "06-21 16:30:00 start no sunset on 2026-06-21 at 69.65,18.96: fallback 16:30"


def test_offsets_that_cross_midnight_keep_their_date(fires: Fires) -> None:
    # 2026-06-22 is a Monday: its sunset is meant, though six hours later it is Tuesday.
    lines = fires(LONDON.format("start: {sun: sunset, offset: 6h, days: MON}"), "2026-06-21", "2026-06-29")
    assert [line[:11] for line in lines] == ["06-23 03:21"]
    assert lines[0].endswith("start sunset of 2026-06-22")
    early = fires(
        LONDON.format("start: {sun: sunrise, offset: -6h, days: [MON]}"), "2026-06-20", "2026-06-28"
    )
    assert [line[:11] for line in early] == ["06-21 22:43"]
    assert early[0].endswith("start sunrise of 2026-06-22")


def test_it_stands_beside_cron_and_is_excluded_like_it(fires: Fires) -> None:
    text = LONDON.format(
        "start: ['0 12 * * *', '@sunset'], stop: '@sunrise', exclude: [{dates: '2026-06-22'}]"
    )
    lines = [f"{line[:8]} {line[15:]}" for line in fires(text, "2026-06-21", "2026-06-23")]
    assert lines == [
        "06-21 04 stop",
        "06-21 12 start",
        "06-21 21 start",
        "06-22 04 stop",
        "06-22 12 - excluded: 2026-06-22",
        "06-22 21 - excluded: 2026-06-22",
    ]


def test_the_entry_s_zone_says_which_day_it_is(fires: Fires) -> None:
    entry = "start: {sun: noon, days: MON, timezone: Pacific/Auckland}"
    lines = fires(LONDON.format(entry), "2026-06-20", "2026-06-27")
    # Noon in London on Sunday is the first half hour of Monday in Auckland.
    assert [line[:8] for line in lines] == ["06-21 13"]


@pytest.mark.parametrize("zone", ["Europe/Madrid", "UTC"])
def test_midnight_of_the_sun_is_not_that_of_the_clock(fires: Fires, zone: str) -> None:
    text = f"timezone: {zone}\nschedule: {{location: {{lat: 40.4, lon: -3.7}}, start: '@midnight+0s'}}"
    lines = fires(text, "2026-07-01", "2026-07-02T12:00:00")
    expected = "02:18" if zone == "Europe/Madrid" else "00:18"
    assert [line[:11] for line in lines] == [f"07-0{day} {expected}" for day in (1, 2)]


@pytest.mark.parametrize("twilight", ["civil", "nautical", "astronomical"])
def test_twilights_are_what_astral_says(twilight: str) -> None:
    depression = {"civil": 6, "nautical": 12, "astronomical": 18}[twilight]
    day, observer = date(2026, 3, 20), Observer(48.1, 11.6, 520.0)
    for name, theirs in (("dawn", dawn), ("dusk", dusk)):
        ours = SolarDay(Spot(48.1, 11.6, 520.0), day).event(name, twilight)
        assert ours == pytest.approx(theirs(observer, day, depression).timestamp(), abs=1)


def test_a_thousand_places_agree_with_astral() -> None:
    chance = random.Random(8)
    for _ in range(1000):
        lat, lon = chance.uniform(-60, 60), chance.uniform(-90, 90)
        day = date(2026, 1, 1) + timedelta(days=chance.randrange(365))
        for name, theirs in (("sunrise", sunrise), ("sunset", sunset)):
            found = theirs(Observer(lat, lon), day).astimezone(UTC)
            if found.hour in (23, 0):
                # There astral takes the sun of the day before or after.
                continue
            near = (SolarDay(Spot(lat, lon), day + timedelta(days=step)).event(name) for step in (-1, 0, 1))
            assert min(abs((each or 0) - found.timestamp()) for each in near) < 1, (lat, lon, day, name)


@pytest.mark.parametrize("lon", [-179.9, -120.0, 0.0, 104.0, 179.9])
def test_no_sunrise_is_missed_or_met_twice(lon: float) -> None:
    days = [SolarDay(Spot(-40.0, lon), date(2026, 1, 1) + timedelta(days=number)) for number in range(800)]
    found = [day.event("sunrise") or 0 for day in days]
    gaps = {round((later - earlier) / 3600) for earlier, later in pairwise(found)}
    assert gaps == {24}
