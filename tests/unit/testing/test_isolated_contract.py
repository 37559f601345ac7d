"""A step type keeps its contract when `plugins.isolation` moves it into a process of its own."""

from __future__ import annotations

import sys

import pytest

from tests.unit.testing.test_executor_contract import MimeSuite, zoo_mime

import zoo_isolated  # isort: skip  # the suite of the mimes makes the zoo importable


@pytest.fixture(autouse=True)
def zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes are sent by the name of their module: that has to be the one they are from, though other tests
    import the zoo anew."""
    for module in (zoo_mime, zoo_isolated):
        monkeypatch.setitem(sys.modules, module.__name__, module)


class TestIsolatedMime(MimeSuite):
    """One that works with local processes and is found again."""

    executor = zoo_isolated.Mime


class TestIsolatedHonest(MimeSuite):
    """One that says it loses its attempts: in a process of its own it does not."""

    executor = zoo_isolated.Honest
