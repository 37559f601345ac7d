"""A home and a folder to work in, fresh for each gotcha."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gotchas.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    work = tmp_path / "work"
    work.mkdir()
    return Lab(tmp_path / "home", work)
