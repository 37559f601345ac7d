"""The first and the last line on a terminal."""

from __future__ import annotations

from dagu_core.cli.live import header, verdict
from dagu_core.model.status import RunStatus
from tests.unit.cli.runs import START, view


def test_header_names_run_and_parameters() -> None:
    shown = view(params=(("A", "1"), ("B", "x\x1b[2J")))
    assert header(shown) == "> pair (r1) [A=1 B=x[2J]"
    assert header(view()) == "> pair (r1)"


def test_verdict_is_a_tick_or_a_cross() -> None:
    assert verdict(view(finished=START + 2), START) == "✓ Succeeded (2.0s)"
    assert verdict(view(status=RunStatus.ABORTED), START) == "✗ Aborted (0s)"
