"""Choosing on a terminal."""

from __future__ import annotations

import pytest

from dagu_core.cli.picker import matching

NAMES = ["load", "load_all", "report", "2"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("load", ["load"]),
        ("lo", ["load", "load_all"]),
        ("re", ["report"]),
        ("3", ["report"]),
        ("2", ["2"]),
        ("9", []),
        ("0", []),
        ("x", []),
    ],
)
def test_an_answer_is_a_name_a_number_or_a_beginning(answer: str, found: list[str]) -> None:
    assert matching(NAMES, answer) == found
