"""The filter as a part, its key in a definition, and what it sees of changed files."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagu_calendar.config import CalendarConfig
from dagu_calendar.files import read_file
from dagu_calendar.filter import CalendarFilter
from dagu_core import ClockScope, Invalid, InvalidDefinition, NotFound, Part
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.part_suite import PartSuite

Write = Callable[[str, str], Path]
AT = datetime(2026, 12, 25, 1, tzinfo=UTC).timestamp()


class TestCalendar(PartSuite):
    @property
    def part(self) -> type[Part]:
        return CalendarFilter


@pytest.mark.parametrize(
    ("written", "names", "days"),
    [
        ("de-by", ["de-by"], "all"),
        ("[a, b]", ["a", "b"], "all"),
        ("no", ["no"], "all"),
        ("{name: a, days: Business-Days}", ["a"], "business-days"),
        ("{name: [a, b], days: {nth-business-day: -3}}", ["a", "b"], "nth-business-day: -3"),
        ("{NAME: a, days: 'nth-business-day:  +2'}", ["a"], "nth-business-day: 2"),
    ],
)
def test_forms(host: PluginHost, written: str, names: list[str], days: str) -> None:
    text = f"steps: [a]\ncalendar: {written}\n"
    plan = read_definition(text, vocabulary=host.catalog.vocabulary).plans[0]
    config = CalendarConfig.model_validate(plan.fields["calendar"])
    assert (config.name, config.days) == (names, days)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("../etc/passwd", "2:11 `calendar`"),
        ("de.yaml", "is no name of a calendar"),
        ("'${CALENDAR}'", "is no name of a calendar"),
        ("[]", "names at least one calendar"),
        ("5", "calendar"),
        ("{days: all}", "`name` is required"),
        ("{name: a, days: mondays}", "must be one of all, business-days"),
        ("{name: a, days: 'nth-business-day: 0'}", "must be one of all, business-days"),
        ("{name: a, days: '${X}'}", "references are known to runs only"),
        ("{name: a, onHoliday: '${X}'}", "references are known to runs only"),
        ("{name: a, onHoliday: next}", "must be one of 'skip', 'next-business-day'"),
        ("{name: a, onUnknown: maybe}", "must be one of 'run', 'skip' or 'fail'"),
        ("{name: a, colour: red}", "unknown key `colour`"),
    ],
)
def test_a_value_that_is_wrong(host: PluginHost, written: str, told: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(f"steps: [a]\ncalendar: {written}\n", vocabulary=host.catalog.vocabulary)
    (problem,) = caught.value.problems
    assert told in f"{problem.place.line}:{problem.place.column} {problem.message}"


def test_changes_of_files_count_at_once(write: Write, tmp_path: Path) -> None:
    part, config = CalendarFilter(), CalendarConfig.model_validate("x")
    scope = ClockScope(UTC, folder=tmp_path)
    with pytest.raises(NotFound) as caught:
        part.verdict(config, scope, AT)
    assert caught.value.details["code"] == "D140"
    write("base", "holidays: [{date: 2026-12-25, name: Christmas}]")
    write("x", "extends: base")
    assert part.verdict(config, scope, AT).reason == "Christmas (base)"
    write("base", "holidays: [{date: 2026-12-25, name: Christmas 2}]")
    assert part.verdict(config, scope, AT).reason == "Christmas 2 (base)"
    write("base", "holidays: []")
    assert part.verdict(config, scope, AT).kind == "allow"
    os.unlink(tmp_path / "calendars" / "base.yaml")
    with pytest.raises(NotFound):
        part.verdict(config, scope, AT)


@pytest.mark.parametrize(
    ("day", "more", "kind", "warns"),
    [
        ("2026-12-24", {}, "allow", ""),
        ("2027-01-01", {}, "allow", "2027-01-01"),
        ("2027-01-02", {"days": "business-days", "onHoliday": "next-business-day"}, "shift", "2027-01-02"),
        ("2026-12-31", {"days": "business-days", "onHoliday": "next-business-day"}, "shift", "2027-01-01"),
        ("2026-12-25", {"days": "business-days", "onHoliday": "next-business-day"}, "shift", ""),
        ("2027-01-02", {"days": "business-days"}, "skip", ""),
        ("2027-01-01", {"onUnknown": "skip"}, "skip", ""),
    ],
)
def test_a_start_beyond_the_end_warns(
    write: Write, tmp_path: Path, day: str, more: dict[str, str], kind: str, warns: str
) -> None:
    write("x", "validUntil: 2026-12-31\nholidays: [2026-12-25, 2026-12-31]\n")
    config = CalendarConfig.model_validate({"name": "x", **more})
    at = datetime.fromisoformat(f"{day}T01:00:00Z").timestamp()
    found = CalendarFilter().verdict(config, ClockScope(UTC, folder=tmp_path), at)
    assert found.kind == kind
    assert found.warning == (f"calendar x is known until 2026-12-31, not for {warns}" if warns else "")


def test_without_a_folder_nothing_is_judged() -> None:
    with pytest.raises(Invalid, match="no folder"):
        CalendarFilter().verdict(CalendarConfig.model_validate("x"), ClockScope(UTC), AT)


def test_dates_may_be_texts_or_bare(write: Write) -> None:
    file = read_file(
        write("x", "holidays: ['2026-01-01', 2026-01-02, {date: '2026-01-03'}]\nvalid_until: 2027-01-01")
    )
    assert [each.date for each in file.holidays] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert file.valid_until == "2027-01-01"
