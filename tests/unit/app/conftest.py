"""What the tests of the doctor share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_core.app.checks import strays
from tests.unit.app.patient import FLOW, Patient


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    every = strays._processes

    def of_this_test() -> Iterator[strays.Process]:
        return (one for one in every() if str(one.status or one.home).startswith(str(tmp_path)))

    monkeypatch.setattr(strays, "_processes", of_this_test)
    one = Patient(tmp_path / "home")
    one.write("flow", FLOW)
    return one
