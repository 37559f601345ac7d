"""What is odd or wrong in base.yaml is told with its place there."""

from __future__ import annotations

import pytest

from dagu_core.base.places import InvalidDefinition, Place
from dagu_core.model.plan.definition import Definition
from dagu_core.model.spec.read import read_definition
from tests.hostile.language import VOCABULARY


def read(base: str, text: str = "steps: []\n") -> Definition:
    return read_definition(text, path="/d/d.yaml", vocabulary=VOCABULARY, base=base, base_path="/h/base.yaml")


def told(base: str, text: str = "steps: []\n") -> list[tuple[str, str]]:
    """(where, code) of each warning, but the one for a DAG without steps."""
    found = (one for one in read(base, text).warnings if one.code != "W015")
    return [(one.render("/d/d.yaml", text).partition(": ")[0], one.code) for one in found]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("group: g\ndisableQueue: true\n", [("/h/base.yaml:2:15", "D111")]),
        ("otel: {a: 1}\n", [("/h/base.yaml:1:1", "D014")]),
        ("env: {A: 1}\n---\nname: x\nenv: {B: 2}\n", [("/h/base.yaml:3:1", "D343")]),
        ("env: {A: 1}\n", []),
    ],
)
def test_warnings_stand_in_the_base(base: str, expected: list[tuple[str, str]]) -> None:
    assert told(base) == expected


def test_the_documents_own_key_goes_before() -> None:
    assert told("group: g\n", "disableQueue: true\nsteps: []\n") == [("/d/d.yaml:1:15", "D111")]


def test_an_error_about_the_merged_whole_does_so_too() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        read("group: g\ntype: nosuch\n")
    assert str(caught.value).startswith("/h/base.yaml:2:7: error D005 invalid type: nosuch")


def test_plugins_find_keys_of_the_base_in_the_base() -> None:
    (places,) = read("group: g\nlogDir: l\n", "group: own\nsteps: []\n").places
    assert places.key("logDir") == Place(2, 1, "/h/base.yaml")
    assert places.value("log_dir") == Place(2, 9, "/h/base.yaml")
    assert places.value("group") == Place(1, 8)
    assert places.key("nosuch") == Place(1, 1)
