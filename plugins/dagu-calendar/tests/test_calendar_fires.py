"""What calendars do to the starts of a schedule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DE_BY = """
validUntil: 2028-12-31
holidays:
  - {date: 2026-12-25, name: Christmas Day}
  - {date: 2026-12-26, name: Second Day of Christmas}
  - {date: 2027-01-01, name: New Year}
"""
Write = Callable[[str, str], Path]
Fires = Callable[..., list[str]]


def starts(lines: list[str]) -> list[str]:
    return [line[:11] for line in lines if " - " not in line]


def test_only_holidays_are_skipped_and_named(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    assert fires("de-by", "2026-12-24", "2026-12-28") == [
        "12-24 01:00",
        "12-25 01:00 - Christmas Day (de-by)",
        "12-26 01:00 - Second Day of Christmas (de-by)",
        "12-27 01:00",
    ]


def test_days_off_move_to_the_next_business_day_and_merge_there(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    calendar = "{name: de-by, days: business-days, onHoliday: next-business-day}"
    lines = fires(calendar, "2026-12-24", "2026-12-29")
    assert [line[:11] for line in lines] == ["12-24 01:00", "12-28 01:00"]
    for name in ("Christmas Day", "Second Day of Christmas", "Sunday is no business day"):
        assert name in lines[1]


def test_a_start_moves_back_and_keeps_its_time(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    calendar = "{name: [de-by], on_holiday: previous-business-day}"
    lines = fires(calendar, "2026-12-20", "2027-01-02", schedule="30 9 25,26 12 *")
    assert [line[:11] for line in lines] == ["12-24 09:30"]


def test_the_time_on_the_clock_stays_over_a_change_of_the_clock(write: Write, fires: Fires) -> None:
    write("x", "holidays: [2026-03-27]\nweekends: []\n")
    moved = fires("{name: x, onHoliday: next-business-day}", "2026-03-27", "2026-03-29", "0 5 27 3 *")
    assert [line[:11] for line in moved] == ["03-28 05:00"]
    write("x", "holidays: [2026-03-28]\n")
    moved = fires("{name: x, onHoliday: next-business-day}", "2026-03-27", "2026-04-29", "0 5 28 3 *")
    assert [line[:11] for line in moved] == ["03-30 05:00"]


@pytest.mark.parametrize(
    ("days", "first", "last", "expected"),
    [
        ("last-business-day", "2026-05-01", "2026-06-01", ["05-29"]),
        ("last-business-day", "2026-10-01", "2026-11-01", ["10-30"]),
        ("first-business-day", "2026-08-01", "2026-09-01", ["08-03"]),
        ("first-business-day", "2027-01-01", "2027-02-01", ["01-04"]),
        ("{nth-business-day: 2}", "2027-01-01", "2027-02-01", ["01-05"]),
        ("'nth-business-day: -2'", "2026-05-01", "2026-06-01", ["05-28"]),
        ("{nth-business-day: 23}", "2026-02-01", "2026-03-01", []),
        ("weekends", "2026-12-21", "2026-12-28", ["12-26", "12-27"]),
        ("holidays", "2026-12-20", "2027-01-03", ["12-25", "12-26", "01-01"]),
        ("business-days", "2026-12-23", "2026-12-30", ["12-23", "12-24", "12-28", "12-29"]),
        ("all", "2026-12-24", "2026-12-28", ["12-24", "12-27"]),
    ],
)
def test_days(write: Write, fires: Fires, days: str, first: str, last: str, expected: list[str]) -> None:
    write("de-by", DE_BY)
    lines = fires(f"{{name: de-by, days: {days}}}", first, last)
    assert [line[:5] for line in lines if " - " not in line] == expected
    assert all(line.partition(" - ")[2] for line in lines if line[:5] not in expected)


def test_a_first_of_the_month_that_is_off_moves_to_the_first_business_day(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    calendar = "{name: de-by, days: first-business-day, onHoliday: next-business-day}"
    assert starts(fires(calendar, "2027-01-01", "2027-02-02", "0 9 1 * *")) == ["01-04 09:00", "02-01 09:00"]
    # Days off later in the month have nowhere to go.
    assert starts(fires(calendar, "2027-01-01", "2027-02-01")) == ["01-04 01:00"]


@pytest.mark.parametrize(
    ("on_unknown", "expected"),
    [
        ("run", "01-01 01:00 calendar short is known until 2026-12-31, not for 2027-01-01"),
        ("skip", "01-01 01:00 - calendar short is known until 2026-12-31, not for 2027-01-01"),
        ("fail", "01-01 01:00 - calendar short is known until 2026-12-31, not for 2027-01-01"),
    ],
)
def test_days_no_calendar_knows(write: Write, fires: Fires, on_unknown: str, expected: str) -> None:
    write("short", "validUntil: 2026-12-31\nholidays: [2026-12-25]\n")
    lines = fires(f"{{name: short, onUnknown: {on_unknown}}}", "2026-12-31", "2027-01-02")
    assert lines[0] == "12-31 01:00"
    assert lines[1] == expected


def test_without_valid_until_the_last_listed_year_counts(write: Write, fires: Fires) -> None:
    write("short", "holidays: [2026-05-01]\n")
    lines = fires("{name: short, onUnknown: skip}", "2026-12-31", "2027-01-02")
    assert lines == [
        "12-31 01:00",
        "01-01 01:00 - calendar short is known until 2026-12-31, not for 2027-01-01",
    ]
    write("short", "weekends: [SUN]\n")
    assert len(starts(fires("{name: short, onUnknown: skip}", "2036-12-01", "2036-12-03"))) == 2


def test_two_calendars_are_one_and_workdays_win(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    write("company", "workdays: [2026-12-26, 2026-12-19]\nholidays: [{date: 2026-12-24, name: Party}]\n")
    calendar = "{name: [de-by, company], days: business-days}"
    lines = fires(calendar, "2026-12-18", "2026-12-28")
    assert [line[:5] for line in lines if " - " not in line] == [
        "12-18", "12-19", "12-21", "12-22", "12-23", "12-26",
    ]  # fmt: skip
    assert "12-24 01:00 - Party (company)" in lines
    assert "12-25 01:00 - Christmas Day (de-by)" in lines


def test_a_calendar_takes_over_the_days_of_another(write: Write, fires: Fires) -> None:
    write("de", "holidays: [{date: 2026-12-25, name: Christmas}]\nvalidUntil: 2026-12-31\n")
    write("de-by", "extends: de\nweekends: [FRI, SAT]\nholidays: [2026-12-28]\n")
    lines = fires("{name: de-by, days: business-days}", "2026-12-24", "2026-12-30")
    assert [line[:5] for line in lines if " - " not in line] == ["12-24", "12-27", "12-29"]
    assert "12-25 01:00 - Christmas (de)" in lines


def test_a_calendar_has_days_of_its_own_zone(write: Write, fires: Fires) -> None:
    write("tokyo", "timezone: Asia/Tokyo\nholidays: [{date: 2026-12-25, name: off}]\n")
    lines = fires("tokyo", "2026-12-24", "2026-12-26", "0 12,20 * * *")
    # 20:00 in Berlin is 04:00 of the next day in Tokyo.
    assert starts(lines) == ["12-24 12:00", "12-25 20:00"]


def test_a_calendar_that_is_gone_stops_everything_visibly(write: Write, fires: Fires) -> None:
    path = write("de-by", DE_BY)
    assert starts(fires("de-by", "2026-12-24", "2026-12-25"))
    path.unlink()
    assert fires("de-by", "2026-12-24", "2026-12-25") == ["12-24 01:00 - calendar: unknown calendar 'de-by'"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("extends: x", "calendars extend each other in a circle: x → x"),
        ("extends: [y]", "calendars extend each other in a circle: x → y → x"),
        ("extends: [nope]", "unknown calendar 'nope'"),
        ("holidays: [2026-13-01]", "holidays.0.date: must be a date such as 2026-12-24"),
        ("holidays: [{date: 2026-12-24, nmae: x}]", "holidays.0.nmae"),
        ("holiday: []", "calendar x.yaml: holiday"),
        ("weekends: [FUN]", "weekends: 'FUN' is no weekday"),
        ("timezone: Nowhere/X", "unknown time zone 'Nowhere/X'"),
        ("validUntil: soon", "validUntil: must be a date"),
        ("holidays: [", "calendar x.yaml:2:1: "),
        ("[1, 2]", "calendar x.yaml"),
        ("a: &a [1]\nb: *a", "an alias has no place in a calendar"),
        pytest.param("[" * 100_000, "so many levels", id="deep"),
        ("\x00", "calendar x.yaml"),
    ],
)
def test_a_calendar_that_is_wrong_lets_nothing_pass(write: Write, fires: Fires, text: str, told: str) -> None:
    write("x", text)
    write("y", "extends: x\n")
    (line,) = fires("x", "2026-12-24", "2026-12-25")
    assert line.startswith(("12-24 01:00 - calendar: ", "12-24 01:00 - calendar x.yaml:"))
    assert told in line


def test_stops_are_not_held_back(write: Write, fires: Fires) -> None:
    write("de-by", DE_BY)
    found = fires("de-by", "2026-12-25", "2026-12-26", schedule={"stop": "0 5 * * *"})
    assert starts(found) == ["12-25 05:00"]


def test_no_business_day_in_sight_means_no_start(write: Write, fires: Fires) -> None:
    write("off", "weekends: [MON, TUE, WED, THU, FRI, SAT, SUN]\nholidays: [2026-12-24]\n")
    lines: Any = fires("{name: off, onHoliday: next-business-day}", "2026-12-24", "2026-12-25")
    assert lines == ["12-24 01:00 - holiday (off)"]
