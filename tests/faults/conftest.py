"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import chaos
from tests.faults.secret_home import VALUE
from tests.faults.step_home import StepHome, within


@pytest.fixture
def here(tmp_path: Path) -> Iterator[StepHome]:
    """A fresh home; nothing of it may live on after the test."""
    one = StepHome(tmp_path)
    one.environ["DAG_READY"] = str(one.ready)
    yield one
    within(5, lambda: not one.orphans(), lambda: f"left behind: {one.orphans()}")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[chaos.Home]:
    """A fresh home; when the test is over no process of it is left."""
    one = chaos.Home(tmp_path)
    try:
        yield one
        assert chaos.left_behind(one) == []
    finally:
        one.end()


@pytest.fixture
def vault(here: StepHome) -> StepHome:
    """A home whose environment holds the secret."""
    here.environ["MY_TOKEN"] = VALUE
    return here
