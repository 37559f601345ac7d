"""When lines of cron fire: against another implementation, and across changes of the clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError

from dagu_core import ClockScope
from dagu_cron.trigger import CronTrigger

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, APIA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")


def fires(line: str, zone: ZoneInfo, first: datetime, count: int) -> list[str]:
    """Local times with their offsets, `~` before those that were shifted."""
    data = CronTrigger.read(line)
    assert data is not None
    config = CronTrigger.Config.model_validate(data)
    scope = ClockScope(zone, anchor=first.timestamp())
    ticks = islice(CronTrigger().ticks(config, scope, first.timestamp() - 0.001), count)
    return [
        ("~" if tick.note else "") + datetime.fromtimestamp(tick.at, zone).strftime("%m-%d %H:%M %z")[:-2]
        for tick in ticks
    ]


def random_lines(count: int) -> Iterator[str]:
    chance = random.Random(20260329)

    def field(low: int, high: int, names: tuple[str, ...] = ()) -> str:
        def value() -> str:
            number = chance.randint(low, high)
            return chance.choice(names) if names and chance.random() < 0.3 else str(number)

        def span() -> str:
            first, last = sorted(chance.sample(range(low, high + 1), 2))
            return f"{first}-{last}"

        kind = chance.random()
        if kind < 0.35:
            return "*"
        if kind < 0.5:
            return f"*/{chance.randint(1, high // 2)}"
        if kind < 0.6:
            return f"{span()}/{chance.randint(1, 7)}"
        if kind < 0.75:
            return span()
        return ",".join(dict.fromkeys(value() for _ in range(chance.randint(1, 3))))

    months = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    weekdays = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
    for _ in range(count):
        day = field(1, 28) if chance.random() < 0.9 else "L"
        weekday = field(0, 6, weekdays) if chance.random() < 0.9 else f"{chance.randint(0, 6)}#2"
        yield f"{field(0, 59)} {field(0, 23)} {day} {field(1, 12, months)} {weekday}"


@pytest.mark.parametrize("zone", [UTC, BERLIN, NEW_YORK], ids=str)
def test_500_random_lines_fire_as_another_implementation_says(zone: Any) -> None:
    start = datetime(2026, 1, 1, 0, 0, tzinfo=zone)
    compared, differing = 0, []
    for line in random_lines(500):
        try:
            theirs = [moment.astimezone(UTC) for moment in islice(CronSim(line, start), 200)]
        except CronSimError:
            # Their parser takes fewer forms than ours: nothing to compare.
            continue
        if not theirs:
            # Both agree that such a day never comes.
            with pytest.raises(ValueError, match="never comes"):
                CronTrigger.Config.model_validate({"expression": line})
            continue
        config = CronTrigger.Config.model_validate({"expression": line})
        ticks = islice(CronTrigger().ticks(config, ClockScope(zone), start.timestamp()), 200)
        ours = [datetime.fromtimestamp(tick.at, UTC) for tick in ticks]
        compared += 1
        if ours != theirs:
            differing.append(line)
    assert differing == []
    assert compared >= 490


SPRING, AUTUMN = (2026, 3, 28), (2026, 10, 24)


@pytest.mark.parametrize(
    ("line", "zone", "day", "expected"),
    [
        # T04: a time that does not exist comes once, right behind the gap
        ("30 2 * * *", BERLIN, SPRING, ["03-28 02:30 +01", "~03-29 03:00 +02", "03-30 02:30 +02"]),
        ("0 3 * * *", BERLIN, SPRING, ["03-28 03:00 +01", "03-29 03:00 +02", "03-30 03:00 +02"]),
        # two times of one gap are one instant, also with one that exists
        ("0,30 2 * * *", BERLIN, (2026, 3, 29), ["~03-29 03:00 +02", "03-30 02:00 +02"]),
        ("30 2,3 * * *", BERLIN, (2026, 3, 29), ["~03-29 03:00 +02", "03-29 03:30 +02", "03-30 02:30 +02"]),
        ("30 2 * * *", NEW_YORK, (2026, 3, 8), ["~03-08 03:00 -04", "03-09 02:30 -04"]),
        # half an hour is lost
        ("15 2 * * *", LORD_HOWE, (2026, 10, 3), ["10-03 02:15 +10", "~10-04 02:30 +11", "10-05 02:15 +11"]),
        # a whole day is lost: its noon comes at the first instant behind it
        ("0 12 * * *", APIA, (2011, 12, 29), ["12-29 12:00 -10", "~12-31 00:00 +14", "12-31 12:00 +14"]),
        ("0 0 * * *", APIA, (2011, 12, 29), ["12-29 00:00 -10", "~12-31 00:00 +14", "01-01 00:00 +14"]),
        # T03: a time that comes twice is done once, the first time
        ("30 2 * * *", BERLIN, AUTUMN, ["10-24 02:30 +02", "10-25 02:30 +02", "10-26 02:30 +01"]),
        ("30 1 * * *", NEW_YORK, (2026, 11, 1), ["11-01 01:30 -04", "11-02 01:30 -05"]),
        ("45 1 * * *", LORD_HOWE, (2026, 4, 5), ["04-05 01:45 +11", "04-06 01:45 +10"]),
        # ranges and lists are fixed times too
        ("0-30/15 2 * * *", BERLIN, (2026, 10, 25),
         ["10-25 02:00 +02", "10-25 02:15 +02", "10-25 02:30 +02", "10-26 02:00 +01"]),
        # a beat follows the time that passes
        ("0 * * * *", BERLIN, (2026, 10, 25),
         ["10-25 00:00 +02", "10-25 01:00 +02", "10-25 02:00 +02", "10-25 02:00 +01", "10-25 03:00 +01"]),
        ("*/30 2 * * *", BERLIN, (2026, 10, 25),
         ["10-25 02:00 +02", "10-25 02:30 +02", "10-25 02:00 +01", "10-25 02:30 +01", "10-26 02:00 +01"]),
        ("*/30 2 * * *", BERLIN, SPRING, ["03-28 02:00 +01", "03-28 02:30 +01", "03-30 02:00 +02"]),
        ("0 * * * *", BERLIN, (2026, 3, 29), ["03-29 00:00 +01", "03-29 01:00 +01", "03-29 03:00 +02"]),
        ("0 */2 * * *", NEW_YORK, (2026, 3, 8), ["03-08 00:00 -05", "03-08 04:00 -04"]),
        ("*/30 1 * * *", LORD_HOWE, (2026, 4, 5),
         ["04-05 01:00 +11", "04-05 01:30 +11", "04-05 01:30 +10", "04-06 01:00 +10"]),
    ],
)  # fmt: skip
def test_T03_T04_changes_of_the_clock(
    line: str, zone: ZoneInfo, day: tuple[int, int, int], expected: list[str]
) -> None:
    assert fires(line, zone, datetime(*day, tzinfo=zone), len(expected)) == expected


def test_asked_in_the_repeated_hour_a_fixed_time_is_over() -> None:
    again = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert fires("30 2 * * *", BERLIN, again, 1) == ["10-26 02:30 +01"]


def test_seconds_stand_first() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    config = CronTrigger.Config.model_validate({"expression": "*/20 59 23 * * *"})
    ticks = islice(CronTrigger().ticks(config, ClockScope(UTC), start.timestamp()), 4)
    assert [datetime.fromtimestamp(tick.at, UTC).strftime("%d %H:%M:%S") for tick in ticks] == [
        "01 23:59:00",
        "01 23:59:20",
        "01 23:59:40",
        "02 23:59:00",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@yearly", ["01-01 00:00", "01-01 00:00"]),
        ("@monthly", ["01-01 00:00", "02-01 00:00"]),
        ("@weekly", ["01-04 00:00", "01-11 00:00"]),
        ("@daily", ["01-01 00:00", "01-02 00:00"]),
        ("@Hourly", ["01-01 00:00", "01-01 01:00"]),
        ("0 9 L * *", ["01-31 09:00", "02-28 09:00"]),
        ("0 9 * * MON#2", ["01-12 09:00", "02-09 09:00"]),
        ("0 9 * * L5", ["01-30 09:00", "02-27 09:00"]),
        ("0 9 15W FEB,AUG *", ["02-16 09:00", "08-14 09:00"]),
        ("0 9 13 * FRI", ["01-02 09:00", "01-09 09:00", "01-13 09:00"]),
        ("0 9 ? * SUN", ["01-04 09:00", "01-11 09:00"]),
        ("0 0 29 2 *", ["02-29 00:00", "02-29 00:00"]),
    ],
)
def test_words_and_signs(line: str, expected: list[str]) -> None:
    found = fires(line, ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC), len(expected))
    assert [each[:-4] for each in found] == expected


def test_every_counts_from_its_anchor() -> None:
    anchor = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC).timestamp()
    config = CronTrigger.Config.model_validate({"expression": "@every 1m30s"})
    trigger, scope = CronTrigger(), ClockScope(UTC, anchor=anchor)
    found = [trigger.next_after(config, scope, anchor + after) for after in (-500, 0, 89.9, 90, 3600)]
    assert [tick.at - anchor for tick in found if tick] == [90, 90, 90, 180, 3690]
    assert not trigger.backfillable(config)


def test_a_year_of_minutes_is_every_minute_of_the_time_that_passes() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2027, 1, 1, tzinfo=BERLIN)
    config = CronTrigger.Config.model_validate({"expression": "* * * * *"})
    last = start.timestamp() - 60
    for tick in CronTrigger().ticks(config, ClockScope(BERLIN), start.timestamp() - 1):
        if tick.at >= end.timestamp():
            break
        assert tick.at == last + 60
        last = tick.at
    assert last == (end - timedelta(minutes=1)).timestamp()
