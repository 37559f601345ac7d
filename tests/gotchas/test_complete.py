"""Every gotcha has a test, or a plugin that will show it."""

from __future__ import annotations

import re
from pathlib import Path

from dagu_core.contracts.catalog import OWNERS
from tests.gotchas.later import LATER, PARTLY

COUNT = 101
NAMED = re.compile(r"^def test_gotcha_(\d{3})_\w+\(", re.MULTILINE)


def _tested() -> set[int]:
    """Here, and in the tests of the plugin that shows it."""
    here = Path(__file__).parent.glob("test_*.py")
    files = [*here, *(Path(__file__).parents[2] / "plugins").glob("*/tests/test_*.py")]
    return {int(number) for file in files for number in NAMED.findall(file.read_text("utf-8"))}


def test_every_gotcha_is_tested_or_left_to_a_plugin() -> None:
    tested = _tested()
    assert tested | LATER.keys() == set(range(1, COUNT + 1))
    assert tested & LATER.keys() == set()


def test_what_is_left_to_plugins_names_one_of_ours() -> None:
    assert {package for package, _ in (LATER | PARTLY).values()} <= set(OWNERS.values())
    assert PARTLY.keys() <= _tested()


def test_the_file_of_a_gotcha_says_its_range() -> None:
    for file in Path(__file__).parent.glob("test_[0-9]*.py"):
        low, high = (int(number) for number in file.stem.split("_")[1:3])
        numbers = {int(number) for number in NAMED.findall(file.read_text("utf-8"))}
        assert numbers and low <= min(numbers) and max(numbers) <= high, file.name
