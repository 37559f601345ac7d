"""Lists the promised rows that have no test: `python -m tests.house.rows`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from tests.house.tests_there import tests_by_file
from tests.house.tree import ROOT

_NAME = re.compile(r"test_((?:[A-Z]\d\d_)+)")
_GOTCHA = re.compile(r"test_gotcha_(\d{3})_")
_RANGE = re.compile(r"([A-Z])(\d+)(?:-\1(\d+))?")


def listed() -> dict[str, Any]:
    """The file of rows: `rows`, and `later` with a reason each."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "tests" / "house" / "rows.yaml").read_text())
    return found


def spread(text: str) -> Iterator[str]:
    """`P01-P03 P06` -> P01, P02, P03, P06."""
    for word in text.split():
        found = _RANGE.fullmatch(word)
        if not found:
            raise ValueError(f"neither a row nor a range: {word}")
        letter, first, last = found[1], found[2], found[3] or found[2]
        for number in range(int(first), int(last) + 1):
            yield f"{letter}{number:0{len(first)}}"


def rows_tested() -> set[str]:
    """The rows tests are named after."""
    found: set[str] = set()
    for names in tests_by_file().values():
        for name in names:
            if several := _NAME.match(name):
                found |= set(several[1].strip("_").split("_"))
            elif gotcha := _GOTCHA.match(name):
                found.add(f"G{gotcha[1]}")
    return found


def missing() -> list[str]:
    """Rows without a test and without a reason."""
    known = listed()
    have = rows_tested() | known["later"].keys()
    return [row for row in spread(known["rows"]) if row not in have]


if __name__ == "__main__":
    for row, reason in listed()["later"].items():
        sys.stdout.write(f"{row}  later: {reason}\n")
    for row in missing():
        sys.stdout.write(f"{row}  no test\n")
    sys.exit(bool(missing()))
