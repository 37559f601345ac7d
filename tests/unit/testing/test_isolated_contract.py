"""A step type keeps its contract when `plugins.isolation` moves it into a process of its own."""

from __future__ import annotations

from tests.unit.testing.test_executor_contract import MimeSuite

import zoo_isolated  # isort: skip  # the suite of the mimes makes the zoo importable


class TestIsolatedMime(MimeSuite):
    """One that works with local processes and is found again."""

    executor = zoo_isolated.Mime


class TestIsolatedHonest(MimeSuite):
    """One that says it loses its attempts: in a process of its own it does not."""

    executor = zoo_isolated.Honest
