"""Tests that need something this machine may lack say so in one place."""

from __future__ import annotations

import os

import pytest


def require(condition: object, what: str) -> None:
    """Skip the test with one line unless `condition` holds; with DAGU_TEST_REQUIRE=all, fail."""
    if condition:
        return
    if os.environ.get("DAGU_TEST_REQUIRE") == "all":
        pytest.fail(f"required here: {what}")
    pytest.skip(f"needs {what}")
