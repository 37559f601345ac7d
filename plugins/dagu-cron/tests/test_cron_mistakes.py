"""Lines that are wrong, as a definition tells them."""

from __future__ import annotations

import pytest

from dagu_core import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_cron import plugin
from dagu_cron.trigger import CronTrigger

VOCABULARY = PluginHost.load(plugins=[plugin], discover=False).catalog.vocabulary


def told(schedule: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(f"steps: [a]\nschedule: {schedule}\n", vocabulary=VOCABULARY)
    return [
        f"{each.place.line}:{each.place.column} {each.code} {each.message}" for each in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("'0 0 30 2 *'", "2:11 D071 invalid schedule: '0 0 30 2 *' never comes: there is no such date"),
        ("'0 0 31 4,6,9,11 *'", "never comes"),
        ("'99 * * * *'", "2:11 D071 invalid schedule: '99' is no minute (0 to 59)"),
        ("'* 24 * * *'", "'24' is no hour (0 to 23)"),
        ("'60 * * * * *'", "'60' is no second"),
        ("'0 0 0 * *'", "'0' is no day of month"),
        ("'0 0 32 * *'", "'32' is no day of month"),
        ("'0 0 * 13 *'", "'13' is no month"),
        ("'0 0 * * 8'", "'8' is no day of week"),
        ("'0 0 * * FOO'", "'FOO' is no day of week"),
        ("'*/0 * * * *'", "'*/0' is no minute"),
        ("'1,,2 * * * *'", "'1,,2' is no minute"),
        ("'0 9 LW * *'", "'LW' is no day of month"),
        ("'0 § * * *'", "'§' is no hour"),
        ("'* * * * * * *'", "expected 5 fields, or 6 with the seconds first, found 7"),
        ("'* * * *'", "found 4"),
        ("'H * * * *'", "H and R are not supported"),
        ("'0 R(1-5) * * *'", "'R(1-5)' is no hour"),
        ("'0 H/2 * * *'", "H and R are not supported"),
        ("'CRON_TZ=Nowhere/X 0 9 * * *'", "2:11 D071 unknown time zone 'Nowhere/X'"),
        ("'TZ=../etc 0 9 * * *'", "unknown time zone"),
        (
            "'5-1 * * * *'",
            "'5-1' is no minute: the range 5-1 ends before it begins; write 5-59,0-1",
        ),
        ("'0 22-6 * * *'", "'22-6' is no hour: the range 22-6 ends before it begins; write 22-23,0-6"),
        ("'1,50-10/5 * * * * *'", "the range 50-10/5 ends before it begins"),
        ("'0 0 31-1 * *'", "'31-1' is no day of month: the range 31-1 ends before it begins; write 31,1"),
        ("'0 0 * NOV-jan *'", "write NOV-DEC,JAN"),
        ("'0 0 * * FRI-MON'", "write FRI-SAT,SUN-MON"),
        ("'0 0 * * 7-2'", "the range 7-2 ends before it begins"),
        ("'@every 100ms'", "nothing comes more often than every second"),
        ("'@every'", "not a duration"),
        ("'@every soon'", "'soon' is not a duration"),
        ("[0 9 * * *, '61 * * * *']", "2:23 D071 invalid schedule: '61' is no minute"),
        ("{start: {expression: '0 9 * * *', timezone: Nowhere/X}}", "unknown time zone 'Nowhere/X'"),
        ("{start: {cron: '61 * * * *'}}", "2:26 D071 `schedule.cron`: '61' is no minute"),
    ],
)
def test_T08_a_line_that_is_wrong(schedule: str, message: str) -> None:
    found = told(schedule)
    assert len(found) == 1, found
    assert message in found[0]
    assert " D071 " in found[0]


def test_all_wrong_lines_are_told_at_once() -> None:
    found = told("{start: ['61 * * * *', '0 9 * * *', '0 0 30 2 *'], stop: '* * *'}")
    assert [each.partition(" ")[0] for each in found] == ["2:20", "2:47", "2:68"]


@pytest.mark.parametrize("text", ["@sunset", "@sunset-30m", "tomorrow", "", "  "])
def test_what_is_no_cron_is_left_to_others(text: str) -> None:
    assert CronTrigger.read(text) is None
