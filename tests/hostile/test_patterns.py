"""Patterns that would never end: each is stopped, said, and hurts only its own step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gotchas.lab import Lab

SLOW = "re:(a+)+$"
BAIT = "a" * 40 + "!"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work")


def took(lab: Lab, text: str) -> tuple[float, dict[str, str], str]:
    """Seconds of the run, statuses of its steps, the error of step `s`."""
    ran = lab.run(text)
    summary = ran.view.summary
    assert summary.started_at is not None and summary.finished_at is not None
    return summary.finished_at - summary.started_at, ran.statuses, ran.step("s").error


def test_Y22_a_precondition_that_never_ends_is_not_met(lab: Lab) -> None:
    seconds, statuses, error = took(
        lab,
        f"""
        steps:
          - {{name: s, command: "true", preconditions: [{{condition: "{BAIT}", expected: "{SLOW}"}}]}}
        """,
    )
    assert seconds < 6
    assert statuses["s"] == "skipped"
    assert "pattern too slow" in error


def test_Y22_a_pattern_for_tolerated_output_that_never_ends_tolerates_nothing(lab: Lab) -> None:
    seconds, statuses, error = took(
        lab,
        f"""
        steps:
          - {{name: s, command: "echo {BAIT}; exit 3", continueOn: {{output: "{SLOW}"}}}}
          - {{name: after, command: "true"}}
        """,
    )
    assert seconds < 6
    assert statuses == {"s": "failed", "after": "aborted"}
    assert "exit status 3" in error and "pattern too slow" in error


def test_Y22_a_repeat_condition_that_never_ends_does_not_repeat_for_ever(lab: Lab) -> None:
    seconds, statuses, _ = took(
        lab,
        f"""
        steps:
          - name: s
            command: "true"
            repeatPolicy: {{repeat: while, condition: "{BAIT}", expected: "{SLOW}", intervalSec: 0}}
        """,
    )
    assert seconds < 6
    assert statuses == {"s": "succeeded"}


def test_Y22_a_long_log_is_searched_in_few_processes(lab: Lab) -> None:
    seconds, statuses, _ = took(
        lab,
        """
        steps:
          - {name: s, command: "seq 20000; echo the end; exit 3", continueOn: {output: "re:(the|an) end"}}
          - {name: after, command: "true"}
        """,
    )
    assert seconds < 10
    assert statuses == {"s": "failed", "after": "succeeded"}
