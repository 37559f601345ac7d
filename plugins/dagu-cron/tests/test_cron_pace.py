"""Lines that come too close together."""

from __future__ import annotations

import pytest

from dagu_core import Problem
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_cron import plugin
from dagu_cron.pace import closest, problems

VOCABULARY = PluginHost.load(plugins=[plugin], discover=False).catalog.vocabulary


def read(schedule: str, more: str = "") -> Definition:
    text = f"schedule: {schedule}\n{more}\nsteps: [a]\n"
    return read_definition(text, vocabulary=VOCABULARY)


def plan(schedule: str) -> Plan:
    return read(schedule).plans[0]


def findings(found: Definition, least: float) -> list[Problem]:
    return problems(found.plans[0], found.places[0], least)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("* * * * * *", 1),
        ("*/5 * * * * *", 5),
        ("*/7 * * * * *", 4),
        ("0,58 * * * *", 120),
        ("59 59 23 * * *", 86_400),
        ("0,59 0,59 0,23 * * *", 1),
        ("@every 90s", 90),
        ("@hourly", 3600),
    ],
)
def test_the_closest_two(line: str, seconds: float) -> None:
    assert closest(line) == seconds


def test_D072_a_fast_line_whose_runs_are_all_kept_is_a_warning() -> None:
    found = findings(read("'*/5 * * * * *'"), 1.0)
    assert [(each.code, each.severity) for each in found] == [("D072", "warning")]
    assert "every 5 s" in found[0].message and "histRetentionRuns" in found[0].hint
    assert findings(read("'*/5 * * * * *'", "histRetentionRuns: 50"), 1.0) == []
    assert findings(read("{stop: '*/5 * * * * *'}"), 1.0) == []
    assert findings(read("['*/10 * * * * *', '@every 10s', 0 9 * * *]"), 1.0) == []


def test_a_line_faster_than_the_settings_allow_is_told() -> None:
    found = findings(read("['0 9 * * *', '*/30 * * * * *', {cron: 0 9 * * *}]"), 60.0)
    assert [(each.code, each.severity) for each in found] == [("D071", "warning")]
    assert (found[0].place.line, found[0].place.column) == (1, 26)
    assert "every 30 s, the settings allow 60 s: nothing is done by it" in found[0].message


def test_the_lint_of_the_plugin_asks_the_settings() -> None:
    assert plugin.dagu_lint(plan("{start: {at: 2026-01-01}}"), None, Places()) == []
    assert [each.code for each in plugin.dagu_lint(plan("'@every 2s'"), None, Places())] == ["D072"]
