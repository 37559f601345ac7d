"""YAML text -> data with places."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition, Place
from dagu_core.model.spec.decode import decode
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map, Seq, locate, plain
from dagu_core.model.spec.yaml import MAX_DEPTH, MAX_NODES, read_documents
from dagu_core.model.values.text import to_text


def load(text: str) -> Any:
    findings = Findings(text, "f.yaml")
    documents = read_documents(findings)
    assert findings.errors == ()
    return documents[0]


def broken(text: str) -> list[tuple[int, int, str]]:
    findings = Findings(text, "f.yaml")
    read_documents(findings)
    return [(p.place.line, p.place.column, p.message) for p in findings.errors]


def test_the_escapes_of_json_for_wide_characters_are_one_character() -> None:
    text = '{"a": "x\\ud83d\\ude00", "b\\uD83D\\uDE00": 1, "c": "\\u00e9"}\n'
    assert load(text) == {"a": "x😀", "b😀": 1, "c": "é"}
    assert load("a: '\\ud83d\\ude00'\n") == {"a": "\\ud83d\\ude00"}
    pair = '"\\ud83d\\ude00"'
    assert broken(f'a: {pair}\nb: "\\ude00"\n') == [(2, 4, "half of a surrogate pair")]
    assert broken(f"a: {pair}\nb: [1,\n  }}\n")[0][:2] == (3, 3)


@pytest.mark.parametrize(
    ("written", "value", "text"),
    [
        ("yes", "yes", "yes"),
        ("on", "on", "on"),
        ("no", "no", "no"),
        ("off", "off", "off"),
        ("true", True, "true"),
        ("TRUE", True, "true"),
        ("False", False, "false"),
        ("1:30", "1:30", "1:30"),
        ("12:30:45", "12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("0777", 777, "0777"),
        ("010", 10, "010"),
        ("0o17", 15, "0o17"),
        ("0x1F", 31, "0x1F"),
        ("1_000", "1_000", "1_000"),
        ("1e3", 1000.0, "1e3"),
        ("1.10", 1.1, "1.10"),
        ("1234567.0", 1234567.0, "1234567.0"),
        ("12345678901234567890", 12345678901234567890, "12345678901234567890"),
        ("-7", -7, "-7"),
        ("+7", 7, "+7"),
        (".5", 0.5, ".5"),
        ("1.", 1.0, "1."),
        (".inf", float("inf"), ".inf"),
        ("~", None, ""),
        ("null", None, ""),
        ("", None, ""),
        ("=", "=", "="),
        ("-", [None], "[null]"),
        ("'5'", "5", "5"),
        ('"5"', "5", "5"),
        ("!!str 5", "5", "5"),
        ("!!int '5'", 5, "5"),
        ("! 5", "5", "5"),
        ("<<", "<<", "<<"),
    ],
)
def test_scalar(written: str, value: object, text: str) -> None:
    loaded = load(f"a: {written}" if written != "-" else "a:\n  -")["a"]
    assert loaded == value
    assert isinstance(loaded, bool) is isinstance(value, bool)
    assert to_text(plain(loaded)) == text


def test_digits_without_end_are_text() -> None:
    assert load("a: " + "9" * 100_000)["a"] == "9" * 100_000


def test_places_count_characters() -> None:
    data = load("ключ: 😀\nsteps:\n  - имя: x\n    b: [1, 2]\n")
    assert data.key_place("ключ") == Place(1, 1)
    assert data.value_place("ключ") == Place(1, 7)
    step = data["steps"][0]
    assert (step.place, step.key_place("b"), step.value_place("b")) == (Place(3, 5), Place(4, 5), Place(4, 8))
    assert step["b"].item_place(1) == Place(4, 12)


def test_a_place_is_found_whatever_the_spelling_and_whatever_stands_between() -> None:
    data = load("retry_policy:\n  interval_sec: [5]\n")
    assert locate(data, ("retryPolicy", "branch", "intervalSec", 0)) == (
        Place(2, 18),
        "retry_policy.interval_sec[0]",
    )
    assert locate(data, ("nowhere",)) == (Place(1, 1), "")


def test_merge_keys_point_to_the_anchor_and_own_keys_win() -> None:
    data = load("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  x: 5\n  <<: [*a, *b]\n")
    assert plain(data["c"]) == {"x": 5, "y": 2, "z": 4}
    assert data["c"].key_place("y") == Place(1, 14)
    assert data["c"].key_place("x") == Place(4, 3)


def test_keys_are_texts() -> None:
    assert list(load("1: a\nyes: b\n~: c\n0x10: d")) == ["1", "yes", "~", "0x10"]


def test_aliases_share_what_they_name() -> None:
    data = load("a: &a [1]\nb: *a")
    assert data["a"] is data["b"]


def test_an_alias_may_be_a_key() -> None:
    assert plain(load("a: &k name\n*k : b")) == {"a": "name", "name": "b"}


def test_documents_that_are_empty_are_skipped() -> None:
    findings = Findings("---\n---\na: 1\n---\n~\n---\nb: 2\n---\n", "f")
    assert [plain(document) for document in read_documents(findings)] == [{"a": 1}, {"b": 2}]


def test_anchors_end_with_their_document() -> None:
    assert broken("a: &a 1\n---\nb: *a") == [(3, 4, "unknown alias `*a`")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb:\n  a: 1\n  a: 2", [(4, 3, "mapping key `a` already defined at 3:3")]),
        ("a: 1\na: 2\na: 3", [(2, 1, "mapping key `a` already defined at 1:1"),
          (3, 1, "mapping key `a` already defined at 1:1")]),
        ("1: a\n'1': b", [(2, 1, "mapping key `1` already defined at 1:1")]),
        ("a: &a [*a]", [(1, 8, "recursive alias `*a`")]),
        ("a: *b", [(1, 4, "unknown alias `*b`")]),
        ("a: !x 1", [(1, 4, "unknown tag `!x`")]),
        ("a: !!binary aGk=", [(1, 4, "unknown tag `!!binary`")]),
        ("!x {a: !y [b]}", [(1, 1, "unknown tag `!x`"), (1, 8, "unknown tag `!y`")]),
        ("a: !!int x", [(1, 4, "`x` is not a value of tag `!!int`")]),
        ("? [a]\n: b", [(1, 3, "a key must be a plain text, not a list or mapping")]),
        ("<<: 5", [(1, 5, "`<<` takes a mapping or a list of mappings")]),
        ("a: b\x07", [(1, 5, "control character U+0007")]),
        ("a: b\0", [(1, 5, "control character U+0000")]),
        ('a: "b\\0"', [(1, 4, "control character U+0000")]),
        ("a: \ud800", [(1, 4, "not UTF-8 U+D800")]),
    ],
)  # fmt: skip
def test_refused(text: str, found: list[tuple[int, int, str]]) -> None:
    assert broken(text) == found


def test_depth_is_bounded() -> None:
    assert broken("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert broken("[" * 200_000) == [(1, MAX_DEPTH + 1, f"nested too deep: more than {MAX_DEPTH} levels")]


def test_nodes_are_bounded_with_aliases_counted_each_time() -> None:
    many = f"a: &a [{', '.join('x' * 500)}]\nb: [{', '.join(['*a'] * 300)}]"
    assert broken(many) == []
    more = f"a: &a [{', '.join('x' * 500)}]\nb: [{', '.join(['*a'] * 500)}]"
    assert [message for _, _, message in broken(more)] == [f"too many nodes: more than {MAX_NODES}"]


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ("name: é".encode("latin-1"), Place(1, 7), "not UTF-8 at byte 6"),
        ("a: b".encode("utf-16"), Place(1, 1), "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbfa: 1\nb: \xff", Place(2, 4), "not UTF-8 at byte 11"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, place: Place, message: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        decode(data, "f.yaml")
    assert [(p.place, p.message) for p in caught.value.problems] == [(place, message)]


def test_a_byte_order_mark_is_skipped() -> None:
    assert decode(b"\xef\xbb\xbfname: x", "f.yaml") == "name: x"


def test_the_parser_without_its_c_library_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a {x: 1.10, y: [on, 0o17]}\nb:\n  <<: *a\n  z: |\n    text\n---\nc: 'd'\n"
    fast = read_documents(Findings(text, "f"))
    monkeypatch.setitem(__import__("sys").modules, "yaml._yaml", None)
    slow = read_documents(Findings(text, "f"))
    assert slow == fast
    assert [(d.spots, type(d)) for d in slow] == [(d.spots, Map) for d in fast]
    assert type(slow[0]["a"]["y"]) is Seq
