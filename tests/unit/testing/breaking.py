"""Runs the tests of a suite against parts that break it, and says whether the suite noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.errors import PydanticInvalidForJsonSchema

from dagu_core.base.errors import DaguError
from dagu_core.testing.store_contract import ManualClock

#: how a test says no; anything else would be a mistake of the toy
NO = (AssertionError, pytest.fail.Exception, PydanticInvalidForJsonSchema, TimeoutError, DaguError)


def sentences(suite: type) -> set[str]:
    """The names of a suite's tests."""
    return {name for name in dir(suite) if name.startswith("test_")}


def notices(suite: type, test: str, folder: Path) -> bool:
    """Whether the test fails, with one of its parameters at least."""
    for number, values in enumerate(_parameters(getattr(suite, test))):
        one = suite()
        one.clock = ManualClock()
        one.folder = folder / str(number)
        one.folder.mkdir()
        try:
            getattr(one, test)(**values)
        except NO:
            return True
    return False


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        yield {}
    for mark in marks:
        name, values = mark.args
        yield from ({name: value} for value in values)
