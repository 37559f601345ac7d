"""Workflows in Dagu's dialect: what comes of them here, and that the real Dagu says the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.scenarios.scenario import Scenario, play, scenarios

OURS = str(Path(sys.executable).with_name("dagu"))
PEER = os.environ.get("DAGU_PEER", "")
ALL = scenarios()


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 40


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_workflow_comes_out_as_expected(scenario: Scenario, tmp_path: Path) -> None:
    assert play(scenario.name, scenario.args, OURS, tmp_path) == scenario.expected


@pytest.mark.skipif(not PEER, reason="needs the real Dagu: DAGU_PEER=/path/to/its/executable")
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_the_peer_says_the_same_but_for_named_differences(scenario: Scenario, tmp_path: Path) -> None:
    assert play(scenario.name, scenario.args, PEER, tmp_path) == scenario.expected_of_the_peer
