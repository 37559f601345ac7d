"""Where days come from: countries, calendar programs, tables; and what a second import leaves alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import holidays
import pytest

from dagu_calendar.days import Library
from dagu_calendar.edits import merge, remove
from dagu_calendar.files import Holiday, read_file
from dagu_calendar.ics import of_events
from dagu_calendar.imports import of_country, of_table, years_of
from dagu_core import Conflict, Invalid, Unavailable

Write = Callable[[str, str], Path]

#: as a calendar program writes it: folded lines, CRLF, a zone, parameters of its own
EXPORT = """BEGIN:VCALENDAR
PRODID:-//Example Corp//Calendar 70.9054//EN
VERSION:2.0
CALSCALE:GREGORIAN
METHOD:PUBLISH
X-WR-CALNAME:Company
X-WR-TIMEZONE:Europe/Berlin
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;VALUE=DATE:20200501
DTEND;VALUE=DATE:20200502
RRULE:FREQ=YEARLY
EXDATE;VALUE=DATE:20270501
DTSTAMP:20260101T120000Z
UID:labour@example.com
SUMMARY:Tag der Arbeit\\, bundesweit und mit einer Bezeichnung\\, die über
  mehrere Zeilen geht
STATUS:CONFIRMED
TRANSP:TRANSPARENT
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20280502
DTEND;VALUE=DATE:20280503
DTSTAMP:20260101T120000Z
RECURRENCE-ID;VALUE=DATE:20280501
UID:labour@example.com
SUMMARY:Moved
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20270102
UID:shutdown@example.com
SUMMARY:Shutdown
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261126
DURATION:P2D
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;UNTIL=20271125T000000Z
UID:thanks@example.com
SUMMARY:Thanksgiving
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260301
RRULE:FREQ=MONTHLY;COUNT=3
RDATE;VALUE=DATE:20260315
UID:inventory@example.com
SUMMARY:Inventory
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=Europe/Berlin:20260601T090000
DTEND;TZID=Europe/Berlin:20260601T100000
UID:meeting@example.com
SUMMARY:Meeting
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260707
UID:cancelled@example.com
STATUS:CANCELLED
SUMMARY:Cancelled
END:VEVENT
END:VCALENDAR
"""


def exported(folder: Path, text: str = EXPORT) -> Path:
    path = folder / "company.ics"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


def test_a_country_equals_the_package_day_by_day() -> None:
    ours = {each.date: each.name for each in of_country("de", "by", years_of("2026-2030"))}
    theirs = holidays.country_holidays("DE", subdiv="BY", years=range(2026, 2031), language="en_US")
    assert ours == {day.isoformat(): name for day, name in theirs.items()}
    assert len(ours) > 55


def test_parts_languages_and_categories() -> None:
    year = years_of("2026")
    assert of_country("DE", "augsburg", year)[0].source == "holidays DE-AUGSBURG"
    native = of_country("DE", "BY", year, "de", ["public", "catholic"])
    assert {each.date: each.name for each in native}["2026-08-15"] == "Mariä Himmelfahrt"
    assert of_country("NO", "", year)


@pytest.mark.parametrize(
    ("country", "part", "language", "categories", "told"),
    [
        ("XX", "", "", [], "no holidays are known of 'XX'"),
        ("Germany", "", "", [], "no holidays are known of 'Germany'"),
        ("DE", "QQ", "", [], "DE has no part 'QQ'"),
        ("DE", "", "tlh", [], "DE has no language 'tlh'"),
        ("DE", "", "", ["martian"], "DE has no category 'martian'"),
    ],
)
def test_what_nobody_knows(country: str, part: str, language: str, categories: list[str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        of_country(country, part, years_of("2026"), language, categories)


@pytest.mark.parametrize("text", ["", "26", "2030-2026", "2026-2999", "now", "0-5"])
def test_years_that_are_none(text: str) -> None:
    with pytest.raises(Invalid, match="no range of years"):
        years_of(text)


def test_an_export_of_a_calendar_program(tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}
    for each in of_events(exported(tmp_path), years_of("2026-2029")):
        found.setdefault(each.name.partition(",")[0], []).append(each.date)
    assert found == {
        "Tag der Arbeit": ["2026-05-01", "2029-05-01"],
        "Moved": ["2028-05-02"],
        "Shutdown": [f"2026-12-{day}" for day in range(24, 32)] + ["2027-01-01"],
        "Thanksgiving": ["2026-11-26", "2026-11-27", "2027-11-25", "2027-11-26"],
        "Inventory": ["2026-03-01", "2026-03-15", "2026-04-01", "2026-05-01"],
    }


def test_an_export_of_the_holidays_package(tmp_path: Path) -> None:
    from holidays.ical import ICalExporter

    theirs = holidays.country_holidays("US", subdiv="CA", years=range(2026, 2028))
    path = tmp_path / "us.ics"
    ICalExporter(theirs).save_ics(str(path))
    assert {each.date for each in of_events(path, None)} == {day.isoformat() for day in theirs}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no calendar at all", "not an iCalendar file"),
        (EXPORT.replace("FREQ=YEARLY\nEXDATE", "FREQ=SECONDLY\nEXDATE"), "repeated within a day"),
        (EXPORT.replace("20261224", "19261224"), "expected 1 to 366 days"),
    ],
)
def test_an_export_that_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        of_events(exported(tmp_path, text), years_of("2026"))


def test_a_rule_that_never_comes_ends(tmp_path: Path) -> None:
    text = EXPORT.replace("FREQ=MONTHLY;COUNT=3", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")
    found = of_events(exported(tmp_path, text), years_of("2026"))
    assert [each.date for each in found if each.name == "Inventory"] == ["2026-03-01", "2026-03-15"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-24,Party\n2026-12-31\n", [("2026-12-24", "Party"), ("2026-12-31", "")]),
        ("\ufeffName;Date\nParty;2026-12-24\n\n", [("2026-12-24", "Party")]),
        ("start,end,summary\n2026-12-31,2027-01-01,Off\n", [("2026-12-31", "Off"), ("2027-01-01", "Off")]),
        ('date,name\n2026-12-24,"Eve, Holy"\n', [("2026-12-24", "Eve, Holy")]),
    ],
)  # fmt: skip
def test_a_table(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, "utf-8")
    assert [(each.date, each.name) for each in of_table(path)] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date,name\n2026-12-24,a\n24.12.2026,b\n", "x.csv: row 3: must be a date"),
        ("date,end\n2026-12-24,2026-12-23\n", "expected 1 to 366 days"),
    ],
)
def test_a_table_that_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(Invalid, match=told):
        of_table(path)


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    years = years_of("2026-2027")
    found = of_country("DE", "BY", years)
    first = merge(tmp_path, "de-by", found, years, "2027-12-31")
    assert (first.added, first.removed, first.kept) == (len(found), 0, 0)
    before = first.path.stat().st_mtime_ns, first.path.read_bytes()
    second = merge(tmp_path, "de-by", found, years, "2027-12-31")
    assert (second.added, second.removed, second.kept) == (0, 0, len(found))
    assert (first.path.stat().st_mtime_ns, first.path.read_bytes()) == before


def test_what_was_written_by_hand_stays(write: Write, tmp_path: Path) -> None:
    path = write(
        "x",
        "timezone: Europe/Berlin\nweekends: [SUN]\nvalidUntil: 2040-01-01\nworkdays: [2026-12-19]\n"
        "extends: base\nholidays: [{date: 2026-12-25, name: Ours}, {date: 2026-08-15, name: By hand}]\n",
    )
    years = years_of("2026")
    merge(tmp_path, "x", of_country("DE", "BY", years), years, "2026-12-31")
    file = read_file(path)
    names = {each.date: each.name for each in file.holidays}
    assert (names["2026-12-25"], names["2026-08-15"]) == ("Ours", "By hand")
    assert names["2026-12-26"] == "Second Day of Christmas"
    assert (file.timezone, file.weekends, file.extends) == ("Europe/Berlin", ["SUN"], ["base"])
    assert (file.valid_until, file.workdays) == ("2040-01-01", ["2026-12-19"])


def test_an_import_replaces_what_it_brought_before(write: Write, tmp_path: Path) -> None:
    def days(*names: str) -> list[Holiday]:
        return [Holiday(date=f"2026-01-0{name}", name=name, source="csv x") for name in names]

    merge(tmp_path, "x", [*days("1", "2"), Holiday(date="2026-02-01", source="csv other")], None)
    done = merge(tmp_path, "x", days("2", "3"), None)
    assert (done.added, done.removed, done.kept) == (1, 1, 2)
    found = read_file(done.path).holidays
    assert [each.date for each in found] == ["2026-01-02", "2026-01-03", "2026-02-01"]


def test_other_years_of_a_country_stay(tmp_path: Path) -> None:
    for text in ("2026", "2027"):
        years = years_of(text)
        merge(tmp_path, "x", of_country("DE", "", years), years, f"{text}-12-31")
    days = Library(tmp_path).days(["x"])
    assert days.is_holiday(date(2026, 12, 25)) and days.is_holiday(date(2027, 12, 25))
    assert days.until == date(2027, 12, 31)


def test_a_file_that_is_wrong_is_not_overwritten(write: Write, tmp_path: Path) -> None:
    path = write("x", "holidays: 5\n")
    with pytest.raises(Invalid, match="holidays"):
        merge(tmp_path, "x", [Holiday(date="2026-01-01")], None)
    assert path.read_text() == "holidays: 5\n"


def test_a_write_that_fails_leaves_the_old_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("x", "holidays: [2026-01-01]\n")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        merge(tmp_path, "x", [Holiday(date="2026-01-02")], None)
    assert path.read_text() == "holidays: [2026-01-01]\n"
    assert [each.name for each in path.parent.iterdir()] == ["x.yaml"]


def test_a_calendar_in_use_by_another_is_not_removed(write: Write, tmp_path: Path) -> None:
    write("de", "holidays: [2026-01-01]")
    write("de-by", "extends: de")
    with pytest.raises(Conflict, match="extended by de-by"):
        remove(tmp_path, "de")
    remove(tmp_path, "de-by")
    remove(tmp_path, "de")
    assert list((tmp_path / "calendars").iterdir()) == []
