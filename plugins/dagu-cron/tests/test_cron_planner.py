"""Cron lines through the planner: what a preview shows of them."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.schedule.planner import Planner
from dagu_cron import plugin

CATALOG = PluginHost.load(plugins=[plugin], discover=False).catalog
BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=BERLIN).timestamp()  # type: ignore[arg-type, misc]


def planner(text: str) -> Planner:
    head = "timezone: Europe/Berlin\nsteps: [a]\n"
    return Planner.of(read_definition(head + text, vocabulary=CATALOG.vocabulary).plans[0], CATALOG, zone="")


def lines(text: str, begin: float, end: float) -> list[Any]:
    return [
        (datetime.fromtimestamp(slot.at, BERLIN).strftime("%m-%d %H:%M:%S"), slot.skipped)
        for slot in planner(text).slots(begin, end)
    ]


def test_a_year_of_minutes_has_each_of_them_once_over_both_changes_of_the_clock() -> None:
    begin, end = at(2026, 1, 1) - 1, at(2027, 1, 1) - 1
    dues = [slot.due for slot in planner("schedule: '* * * * *'").slots(begin, end)]
    assert len(dues) == 365 * 24 * 60
    assert all(b - a == 60 for a, b in pairwise(dues))


def test_T07_two_lines_for_the_same_minute_are_one_start() -> None:
    found = list(planner("schedule: [0 9 * * *, 0 */3 * * *]").slots(at(2026, 6, 1, 8), at(2026, 6, 1, 10)))
    assert [[entry.text for entry in slot.entries] for slot in found] == [["0 9 * * *", "0 */3 * * *"]]


def test_T03_T04_each_day_has_its_start_when_the_clock_is_changed() -> None:
    text = "schedule: 30 2 * * *"
    assert [when for when, _ in lines(text, at(2026, 3, 28), at(2026, 3, 31))] == [
        "03-28 02:30:00",
        "03-29 03:00:00",
        "03-30 02:30:00",
    ]
    assert [when for when, _ in lines(text, at(2026, 10, 24), at(2026, 10, 27))] == [
        "10-24 02:30:00",
        "10-25 02:30:00",
        "10-26 02:30:00",
    ]


WEEKEND = """
schedule:
  start: ["59 5 * * *", "0 6 * * *"]
  exclude: [{between: "22:00-06:00", days: [SAT, SUN]}]
"""


def test_the_last_minute_of_a_window_is_out_and_its_end_is_in() -> None:
    assert [bool(skipped) for _, skipped in lines(WEEKEND, at(2026, 6, 7), at(2026, 6, 8, 7))] == [
        True,
        False,
        True,
        False,
    ]


def test_deferred_lines_fire_once_when_the_window_ends() -> None:
    text = """
schedule:
  start: "*/10 * * * * *"
  exclude: {cron: "* 22-23 * * *"}
  onExcluded: defer
"""
    found = lines(text, at(2026, 6, 1, 21, 59, 45), at(2026, 6, 2, 0, 0, 5))
    assert found == [("06-01 21:59:50", ""), ("06-02 00:00:00", "")]


def test_six_fields_and_every_mix_with_the_rest() -> None:
    text = "schedule: ['*/30 0 9 * * *', {at: '2026-06-01T09:00:10'}]"
    assert [when for when, _ in lines(text, at(2026, 6, 1), at(2026, 6, 2))] == [
        "06-01 09:00:00",
        "06-01 09:00:10",
        "06-01 09:00:30",
    ]
