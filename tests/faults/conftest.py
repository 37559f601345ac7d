"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.step_home import StepHome, within


@pytest.fixture
def here(tmp_path: Path) -> Iterator[StepHome]:
    """A fresh home; nothing of it may live on after the test."""
    one = StepHome(tmp_path)
    one.environ["DAG_READY"] = str(one.ready)
    yield one
    within(5, lambda: not one.orphans(), lambda: f"left behind: {one.orphans()}")
