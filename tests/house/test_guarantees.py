"""Every sentence of the guarantees names tests, and they are there."""

from __future__ import annotations

import re

import pytest

from tests.house.tests_there import all_tests
from tests.house.tree import ROOT

_ITEM = re.compile(r"^- (.*?)(?=^(?:- |\n|#)|\Z)", re.MULTILINE | re.DOTALL)
_NAMES = re.compile(r"<!-- (.*?) -->", re.DOTALL)

PROMISES = _ITEM.findall((ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))


def test_there_are_promises() -> None:
    assert len(PROMISES) > 25


@pytest.mark.parametrize("promise", PROMISES, ids=lambda text: text[:40].strip())
def test_a_promise_has_tests(promise: str) -> None:
    found = _NAMES.search(promise)
    assert found, "name its tests behind it: <!-- test_... -->"
    assert [name for name in found[1].split() if name not in all_tests()] == []
