"""Log lines: one a told event, in both forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dagu_core.app.log_lines import LogLines
from dagu_core.base.settings import Settings
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    ChildRef,
    ChildStarted,
    ConditionResult,
    ConditionsChecked,
    Event,
    Noted,
    Outcome,
    RunEnded,
    RunFailed,
    RunStarted,
    StepSettled,
    StopRequested,
)
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START, step, view

WHO = "name=pair run-id=r1 attempt-id=a1b2c3 dag=pair"


def told(event: Event, form: str = "text", *, debug: bool = False) -> str:
    shown = view(
        step("load", status=StepStatus.FAILED, started_at=0.0, error="exit status 7"),
        status=RunStatus.FAILED,
        attempt_id="a1b2c3",
        error="it went wrong",
    )
    return LogLines(form, debug=debug).told(event, shown)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            RunStarted(START, "a1b2c3", params=(("A", "1"), ("B", "x y"))),
            f'level=INFO msg="DAG run started" {WHO} params="[A=1 B=x y]"',
        ),
        (AttemptStarted(START, "load", 1), f'level=INFO msg="Step started" {WHO} step=load'),
        (AttemptStarted(START, "load", 2), f'level=INFO msg="Step started" {WHO} step=load attempt=2'),
        (
            AttemptEnded(START + 1.5, "load", 1, Outcome(exit_code=7)),
            f'level=ERROR msg="Step failed" {WHO} step=load status=failed exit-code=7 '
            'duration=1.500s err="exit status 7"',
        ),
        (
            StepSettled(START, "load", StepStatus.SKIPPED, "upstream_skipped"),
            f'level=INFO msg="Step skipped" {WHO} step=load status=skipped reason=upstream_skipped',
        ),
        (StopRequested(START, "cli"), f'level=INFO msg="Stop requested" {WHO} by=cli signal=SIGTERM'),
        (
            RunFailed(START, "no folder"),
            f'level=ERROR msg="DAG run could not go on" {WHO} reason=initialisation',
        ),
        (ChildStarted(START, "load", ChildRef("kid", "k1")), f'level=INFO msg="Sub-DAG run started" {WHO}'),
        (Noted(START, "killed", "2 processes were killed"), 'level=WARN msg="2 processes were killed"'),
    ],
)
def test_text(event: Event, line: str) -> None:
    shown = told(event)
    assert re.match(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) ", shown)
    assert line in shown and "\n" not in shown


def test_the_end_of_a_failed_run_takes_two_lines() -> None:
    first, second = told(RunEnded(START, RunStatus.FAILED)).split("\n")
    assert 'msg="DAG run finished"' in first and "status=failed" in first and "finished-at=" in first
    assert 'level=ERROR msg="Failed to execute dag-run"' in second and 'err="it went wrong"' in second


def test_only_unmet_preconditions_are_told() -> None:
    results = (ConditionResult("true"), ConditionResult("false", error="exit status 1"))
    shown = told(ConditionsChecked(START, results))
    assert shown.count("\n") == 0 and "condition=false" in shown
    assert told(ConditionsChecked(START, results[:1])) == ""


def test_json_has_the_same_keys_in_one_object_a_line() -> None:
    facts = json.loads(told(AttemptStarted(START, "load", 1), "json"))
    assert list(facts) == ["time", "level", "msg", "name", "run-id", "attempt-id", "dag", "step"]
    for line in told(RunEnded(START, RunStatus.FAILED), "json").split("\n"):
        json.loads(line)


@pytest.mark.parametrize(
    "value", ["", "a b", 'say "x"', "k=v", "line\nbreak", "\x1b[31m", "\x9b31m \u202e", "\udc80"]
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_confuses_a_reader_or_a_terminal(value: str, form: str) -> None:
    shown = told(Noted(START, "c", value), form)
    assert shown.isprintable()
    message = re.search(r'msg"?[=:] ?("(?:[^"\\]|\\.)*")', shown)
    assert message is not None and json.loads(message[1]) == value


def test_debug_tells_more_and_where_each_line_was_made() -> None:
    first, second = told(AttemptStarted(START, "load", 1), debug=True).split("\n")
    assert re.search(r'level=INFO msg="Step started" .* step=load source=log_lines\.py:\d+$', first)
    assert re.search(
        r'level=DEBUG msg="Attempt is carried out" .* type=command source=log_lines\.py:', second
    )
    assert "level=DEBUG" not in told(AttemptStarted(START, "load", 1))


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, False), ({"DEBUG": "0"}, True), ({"DAGU_DEBUG": "true"}, True), ({"DEBUG": ""}, False)],
)
def test_debug_is_asked_for_by_settings_or_the_environment(
    tmp_path: Path, given: dict[str, str], expected: bool
) -> None:
    lines = LogLines.of(Settings.load(environ={"DAGU_HOME": str(tmp_path), **given}))
    shown = lines.told(Noted(START, "c", "m"), view(attempt_id="a"))
    assert ("source=" in shown) is expected
