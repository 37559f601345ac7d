"""The heap of what is due: late slots, slots that are too late, a clock that was set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import dagu_cron.plugin as cron
from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_core.schedule.planner import Planner
from dagu_core.schedule.slots import Slot
from dagu_core.service.timetable import Due, Line, Missed, Timetable, line_of
from tests.unit.service.lab import NOON

HOST = PluginHost.of(Settings.load(environ={"HOME": "/nonexistent"}), plugins=[cron], discover=False)


def line(schedule: str, name: str = "tick", after: float = NOON) -> Line:
    text = f"schedule: {schedule!r}\nsteps: []\n"
    plan = read_definition(
        text, path=str(Path("/x") / f"{name}.yaml"), vocabulary=HOST.catalog.vocabulary
    ).plans[0]

    def planner(plan: Plan) -> Planner:
        return Planner.of(plan, HOST.catalog, zone="UTC")

    return line_of(plan, planner, {}, after)


def table(*lines: Line) -> Timetable:
    found = Timetable()
    for each in lines:
        found.put(each)
    return found


def due(found: Timetable, seconds: float) -> list[float]:
    """The instants that are due `seconds` after noon, relative to noon."""
    taken = list(found.pop(NOON + seconds))
    assert all(isinstance(each, Due) for each in taken)
    return [each.slot.due - NOON for each in taken if isinstance(each, Due)]


def missed(found: Missed) -> list[float]:
    """The instants that were missed, relative to noon."""
    slots = found.line.planner.slots(found.after, found.until)
    return [each.due - NOON for each in slots if found.covers(each)]


def test_what_is_due_comes_in_order_of_time() -> None:
    found = table(line("* * * * *", "a"), line("*/2 * * * *", "b"))
    assert found.next_at() == NOON + 60
    assert due(found, 59) == []
    assert due(found, 60) == [60]
    assert due(found, 120) == [120, 120]
    assert due(found, 120) == []


def test_a_slot_is_done_up_to_a_minute_late() -> None:
    found = table(line("*/5 * * * *"))
    assert due(found, 359) == [300]


def test_T01_slots_that_are_too_late_come_as_one_gap() -> None:
    found = table(line("* * * * *"))
    first, *rest = list(found.pop(NOON + 600 + 30))
    assert isinstance(first, Missed) and missed(first) == [60.0 * minute for minute in range(1, 10)]
    assert [each.slot.due - NOON for each in rest if isinstance(each, Due)] == [600]


def test_slots_with_seconds_are_late_sooner() -> None:
    found = table(line("*/2 * * * * *"))
    first, *rest = list(found.pop(NOON + 20.5))
    assert isinstance(first, Missed) and missed(first) == [2.0, 4, 6, 8, 10, 12, 14]
    assert [each.slot.due - NOON for each in rest if isinstance(each, Due)] == [16, 18, 20]


def test_T01_seconds_are_no_burst_however_far_apart_the_first_two_are() -> None:
    found = table(line("*/5 0 * * * *", after=NOON + 52))
    first, *rest = list(found.pop(NOON + 3600 + 50))
    assert isinstance(first, Missed) and missed(first) == [55.0, *range(3600, 3645, 5)]
    assert [each.slot.due - NOON for each in rest if isinstance(each, Due)] == [3645, 3650]


def test_T06_a_day_ahead_is_missed_and_not_made_up_for() -> None:
    found = table(line("* * * * *"))
    assert due(found, 60) == [60]
    taken = list(found.pop(NOON + 86_400 + 30))
    assert [type(each) for each in taken] == [Missed, Due]


def test_T06_an_hour_back_nothing_is_done_twice_until_it_is_planned_anew() -> None:
    found = table(line("* * * * *"))
    assert due(found, 60) == [60]
    assert due(found, -3600) == []
    found.put(line("* * * * *", after=NOON - 3600))
    # the same instants again have the same ids, which exist already
    assert due(found, -3540) == [-3540]


def test_a_dag_that_is_gone_or_replaced_is_due_no_longer() -> None:
    found = table(line("* * * * *"), line("* * * * *", "b"))
    found.remove("b")
    found.put(line("*/3 * * * *"))
    assert found.next_at() == NOON + 180
    assert due(found, 180) == [180]
    found.remove("tick")
    assert found.next_at() is None


def test_what_is_new_does_not_fire_back() -> None:
    one = line("* * * * *")
    one.seen = {entry.fingerprint: NOON + 90 for entry in one.plan.schedule.entries}
    found = table(one)
    assert due(found, 60) == []
    assert due(found, 120) == [120]


def test_ten_thousand_dags_cost_nothing_while_none_is_due() -> None:
    found = table(*(line(f"{number % 60} 3 * * *", f"d{number}") for number in range(300)))
    assert list(found.pop(NOON)) == [] and len(found.lines) == 300
    taken = list(found.pop(NOON + 15 * 3600 + 30))
    assert len({each.line.plan.name for each in taken}) == 5


def test_a_schedule_that_breaks_stops_no_other() -> None:
    one, other = line("* * * * *"), line("* * * * *", "other")

    class Breaks(Planner):
        def slots(self, after: float, until: float) -> Iterator[Slot]:
            yield from list(islice(super().slots(after, until), 1))
            raise RuntimeError("what a plugin does")

    one.planner.__class__ = Breaks
    one.arm(NOON)
    found = table(one, other)
    assert due(found, 60) == [60, 60]
    assert due(found, 120) == [120]
    assert found.broken == {"tick": "RuntimeError: what a plugin does"}
