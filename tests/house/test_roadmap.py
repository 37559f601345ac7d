"""Every capability of the roadmap has its row, and a row that claims something proves it."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT

ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docs" / "roadmap.yaml").read_text())["capabilities"]
CATEGORIES = [
    ("Core Execution & Lifecycle", 8),
    ("Definition & Templates", 10),
    ("Control Structures", 10),
    ("Triggers & Scheduling", 14),
    ("Container Native Execution", 5),
    ("Resource Management", 3),
    ("Data & Artifacts", 7),
    ("Observability", 8),
    ("Security & Governance", 7),
    ("Executor types", 9),
    ("DevX & Testing", 5),
    ("UI & Operations", 12),
    ("Others", 2),
]
KEYS = {"capability", "category", "status", "where", "docs", "test"}


def test_there_are_100_rows_in_their_order() -> None:
    groups = [(name, len(list(rows))) for name, rows in groupby(row["category"] for row in ROWS)]
    assert groups == CATEGORIES
    assert len(ROWS) == 100
    assert len({row["capability"] for row in ROWS}) == 100


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["capability"].replace(" ", "-"))
def test_a_row_claims_only_what_it_shows(row: dict[str, Any]) -> None:
    assert set(row) == KEYS
    assert row["status"] in {"missing", "partial", "works"}
    if row["status"] == "missing":
        assert row["test"] == ""
        return
    assert (ROOT / row["where"]).exists(), f"no such place: {row['where']}"
    if row["docs"] or row["status"] == "works":
        assert (ROOT / row["docs"]).is_file(), f"no such page: {row['docs']}"
    if row["test"] or row["status"] == "works":
        _assert_test_exists(row["test"])


def _assert_test_exists(node: str) -> None:
    path, *names = node.split("::")
    assert names, f"name the test: path::test, not {node!r}"
    assert (ROOT / path).is_file(), f"no such file: {path}"
    text = (ROOT / path).read_text()
    for name in names:
        word = re.escape(name.partition("[")[0])
        assert re.search(rf"^\s*(?:def|class|async def) {word}\b", text, re.MULTILINE), (
            f"no test {name} in {path}"
        )
