"""What the tests of the engine share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.toys import Toys


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    """A fresh home with plugins of the test's own."""
    work = tmp_path / "work"
    work.mkdir()
    return Toys(tmp_path / "home", work)
