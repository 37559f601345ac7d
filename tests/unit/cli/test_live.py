"""The one line on a terminal."""

from __future__ import annotations

from dagu_core.cli.live import header, progress, verdict
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START, step, view

RUNNING = {"status": StepStatus.RUNNING, "started_at": 0.0}


def test_header_names_run_and_parameters() -> None:
    shown = view(params=(("A", "1"), ("B", "x\x1b[2J")))
    assert header(shown) == "> pair (r1) [A=1 B=x[2J]"
    assert header(view()) == "> pair (r1)"


def test_progress_counts_ended_steps_and_names_running_ones() -> None:
    ended = step("a", status=StepStatus.SKIPPED)
    shown = view(ended, *(step(name, **RUNNING) for name in "bcde"), finished=None)
    text = progress(shown, START + 75)
    assert text == "20% (1/5 steps) 01:15  b, c, d and 1 more"


def test_a_run_without_steps_has_progress_too() -> None:
    assert progress(view(started=None), START) == "0% (0/0 steps) 00:00"


def test_verdict_is_a_tick_or_a_cross() -> None:
    assert verdict(view(finished=START + 2), START) == "✓ Succeeded (2.0s)"
    assert verdict(view(status=RunStatus.ABORTED), START) == "✗ Aborted (0s)"
