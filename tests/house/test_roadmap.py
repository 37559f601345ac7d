"""Every capability of the roadmap has its row, and a row that claims something proves it."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import pytest
import yaml

from dagu_core.app.plugin_words import who_brings
from dagu_core.contracts.catalog import NOT_YET, OWNERS, PLANNED
from dagu_core.contracts.host import PluginHost
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
KEYS = {"capability", "category", "status", "where", "docs", "tests"}


def test_there_are_100_rows_in_their_order() -> None:
    groups = [(name, len(list(rows))) for name, rows in groupby(row["category"] for row in ROWS)]
    assert groups == CATEGORIES
    assert len(ROWS) == 100
    assert len({row["capability"] for row in ROWS}) == 100


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["capability"].replace(" ", "-"))
def test_a_row_claims_only_what_it_shows(row: dict[str, Any]) -> None:
    assert set(row) - {"note"} == KEYS
    assert row["status"] in {"missing", "partial", "works"}
    if row["status"] == "missing":
        assert row["tests"] == []
        return
    assert (ROOT / row["where"]).exists(), f"no such place: {row['where']}"
    assert (ROOT / row["docs"]).is_file(), f"no such page: {row['docs']}"
    assert row["tests"], "name the tests that prove it"
    assert row["status"] == "works" or len(row["note"]) > 10, "say in `note` what is missing"
    for node in row["tests"]:
        _assert_test_exists(node)


def _assert_test_exists(node: str) -> None:
    path, _, rest = node.partition("::")
    name, _, case = rest.removesuffix("]").partition("[")
    assert name, f"name the test: path::test, not {node!r}"
    file = ROOT / path
    assert file.is_file(), f"no such file: {path}"
    text = file.read_text(encoding="utf-8")
    assert re.search(rf"^\s*(?:async )?def {re.escape(name)}\b", text, re.MULTILINE), (
        f"no test {name} in {path}"
    )
    assert not case or f'"{case}"' in text or (file.parent / f"{case}.yaml").is_file(), (
        f"no case {case} in {path}"
    )


def test_a_test_that_is_not_there_is_seen() -> None:
    here = "tests/house/test_roadmap.py"
    _assert_test_exists(f"{here}::test_there_are_100_rows_in_their_order")
    for node in (
        here,
        f"{here}::test_nothing",
        f"{here}::test_there_are_100_rows_in_their_order[none of it]",
    ):
        with pytest.raises(AssertionError):
            _assert_test_exists(node)


@pytest.mark.parametrize(("capability", "package"), [(row[0], row[1]) for row in NOT_YET if row[0]])
def test_a_word_that_is_planned_points_to_a_row_that_is_not_done(capability: str, package: str) -> None:
    (row,) = [each for each in ROWS if each["capability"] == capability]
    assert row["status"] != "works"
    assert not (ROOT / "plugins" / package).exists()
    if package == "dagu":
        assert row["where"] == "dagu_core"
    else:
        assert row["where"] == f"plugins/{package}" or package in row["note"]


def test_every_word_of_a_package_that_is_there_is_brought_by_it() -> None:
    host = PluginHost.load()
    brought = {
        word: who_brings(host, word)
        for word in OWNERS
        if who_brings(host, word)[0].hint not in PLANNED.values()
    }
    wrong = {
        word: found
        for word, found in brought.items()
        if not any(each.package.startswith(f"{OWNERS[word]} ") for each in found)
    }
    assert len(brought) > 20 and wrong == {}
