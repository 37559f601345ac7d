"""Hostile definitions, one test for each row of the reliability table (4.6)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.base.errors import Invalid
from dagu_core.base.names import check_dag_name
from dagu_core.base.places import InvalidDefinition
from dagu_core.model.spec.decode import decode
from tests.hostile.language import errors, plan, problems, told


def within(seconds: float, text: str) -> list[str]:
    """The errors of a text, found in time."""
    begin = time.process_time()
    found = told(text)
    assert time.process_time() - begin < seconds
    return found


def test_Y01_alias_bomb() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    assert [
        line.split(" ", 1)[1] for line in within(1, f"{bomb}steps: [{{type: http, config: {{a: *a9}}}}]")
    ] == ["D009 too many nodes: more than 200000"]


@pytest.mark.parametrize("text", ["steps: &a [*a]", "&a a: &b {c: *b}", "steps: [&s {<<: *s}]"])
def test_Y02_recursive_alias(text: str) -> None:
    assert "recursive alias" in within(1, text)[0]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("levels", [101, 3000, 200_000])
def test_Y03_deep_nesting(opening: str, levels: int) -> None:
    found = within(1, opening * levels)
    assert len(found) == 1
    assert "nested too deep: more than 100 levels" in found[0] or "a key must be a plain text" in found[0]


def test_Y04_large_files() -> None:
    assert within(1, "description: " + "x" * 10_000_000) == [
        "1:1 D009 the file is too large: 10000013 bytes, at most 5242880"
    ]
    assert (
        within(2, "steps:\n" + "".join(f"  - {{name: s{i}, command: echo}}\n" for i in range(10_000))) == []
    )


def test_Y04_more_steps_than_anybody_means() -> None:
    assert within(2, "steps:\n" + "- a\n" * 20_001) == [
        "2:1 D009 `steps` must hold at most 20000 steps, not 20001"
    ]
    assert len(within(2, "steps:\n" + "- {a: b, c: d}\n" * 20_000)) == 200


def test_Y05_duplicate_key() -> None:
    assert told("steps: []\nname: a\nname: b") == ["3:1 D010 mapping key `name` already defined at 2:1"]


def test_Y06_duplicate_step_name() -> None:
    assert told("steps:\n- {name: a, command: x}\n- {name: a, command: y}") == [
        "3:10 D006 step name must be unique: `a` is already used at 2:10"
    ]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_Y07_cycle(size: int) -> None:
    lines = [f"- {{name: s{i}, command: x, depends: s{(i + 1) % size}}}\n" for i in range(size)]
    found = within(2, "type: graph\nsteps:\n" + "".join(lines))
    assert len(found) == 1
    assert "D008 steps wait for each other: s0 → " in found[0]
    assert found[0].endswith("→ s0")


def test_Y08_unknown_dependency() -> None:
    found = errors("steps: [{name: build, command: x}, {name: t, command: y, depends: biuld}]")
    assert [(p.message, p.hint) for p in found] == [
        ("step t depends on non-existent step `biuld`", "did you mean `build`?")
    ]


def test_Y09_unknown_keys_are_all_told() -> None:
    found = errors("stepz: []\nsteps:\n- {comand: x, command: y, zzz: 1}")
    assert [(p.place.line, p.code) for p in found] == [(1, "D003"), (3, "D003"), (3, "D003")]
    assert [p.hint for p in found[:2]] == ["did you mean `steps`?", "did you mean `command`?"]


def test_Y10_wrong_types() -> None:
    assert told("timeoutSec: soon\nsteps: 5") == [
        "1:13 D002 `timeoutSec` must be a number, not a text ('soon')",
        "2:8 D002 `steps` must be a list or a mapping, not a number (5) (steps must be an array or a map)",
    ]


def test_Y11_retry_limit_that_is_no_number() -> None:
    assert len(told("steps: [{command: x, retryPolicy: {limit: many}}]")) == 1
    assert told("steps: [{command: x, retryPolicy: {limit: '${MANY}'}}]") == []


@pytest.mark.parametrize("field", [
    "timeoutSec: -1", "timeoutSec: 1e300", "timeoutSec: .inf", "timeoutSec: .nan", "delaySec: -1",
    "maxActiveRuns: -2", "maxActiveRuns: 99999999999", "maxActiveSteps: -1", "maxCleanUpTimeSec: -1",
    "maxOutputSize: -1", "maxOutputSize: 99999999999999", "histRetentionDays: -2", "restartWaitSec: -1",
])  # fmt: skip
def test_Y12_absurd_limits(field: str) -> None:
    assert len(told(f"{field}\nsteps: []")) == 1


@pytest.mark.parametrize("policy", [
    "retryPolicy: {limit: -1}", "retryPolicy: {limit: 1, intervalSec: -1}",
    "retryPolicy: {limit: 99999999999}",
    "retryPolicy: {limit: 1, backoff: 1e9}", "repeatPolicy: {repeat: true, limit: -1}", "timeoutSec: -1",
    "repeatPolicy: {repeat: true, intervalSec: -1}", "continueOn: {exitCode: 99999999999}",
])  # fmt: skip
def test_Y12_absurd_limits_of_a_step(policy: str) -> None:
    assert len(told(f"steps: [{{command: x, {policy}}}]")) == 1


@pytest.mark.parametrize("text", ["steps:\n\t- a", "steps:\n- command: x\n\tname: y"])
def test_Y13_tabs(text: str) -> None:
    assert [(p.place.line > 1, "use spaces" in p.hint) for p in errors(text)] == [(True, True)]


def test_Y14_encodings() -> None:
    for encoding, at in (("latin-1", 6), ("utf-16", 0)):
        with pytest.raises(InvalidDefinition, match=f"not UTF-8 at byte {at}"):
            decode("name: é\n".encode(encoding), "f.yaml")
    assert plan(decode("name: a\nsteps: []".encode("utf-8-sig"), "f.yaml")).name == "a"
    assert told("name: a\0") == ["1:8 D001 control character U+0000"]
    assert told("\ufeffname: a\nnam: b") == ["2:1 D003 unknown key `nam` in DAG"]


@pytest.mark.parametrize(("text", "message"), [
    ("", "no DAGs found in file"),
    ("# only a comment", "no DAGs found in file"),
    ("null", "no DAGs found in file"),
    ("- a", "a DAG must be a mapping, not a list"),
    ("a", "a DAG must be a mapping, not a text ('a')"),
])  # fmt: skip
def test_Y15_empty(text: str, message: str) -> None:
    assert [p.message for p in errors(text)] == [message]


def test_Y15_no_steps_is_a_warning() -> None:
    assert [(p.severity, p.code) for p in problems("name: a")] == [("warning", "W015")]


@pytest.mark.parametrize("written", ["no", "1.10", "0777", "12:30:45", "1e3", "2024-01-01", "0x1F", "on"])
def test_Y16_scalars_keep_their_spelling(written: str) -> None:
    assert [entry.value for entry in plan(f"env: {{A: {written}}}\nsteps: []").env] == [written]
    assert [param.value for param in plan(f"params: {{A: {written}}}\nsteps: []").params.defaults] == [
        written
    ]


def test_Y17_unknown_tag() -> None:
    found = told("steps: [!!python/object/apply:os.system [x]]")
    assert found[0] == "1:9 D001 unknown tag `!!python/object/apply:os.system`"


@given(st.text(min_size=1, max_size=60))
def test_Y18_names(name: str) -> None:
    legal = (
        bool(name)
        and len(name) <= 40
        and name not in (".", "..")
        and all(char.isascii() and (char.isalnum() or char in "_.-") for char in name)
    )
    try:
        check_dag_name(name)
    except Invalid:
        assert not legal
    else:
        assert legal


@pytest.mark.parametrize("name", ["../x", "a/b", "n" * 300, "..", "."])
def test_Y18_names_in_a_definition(name: str) -> None:
    assert [line.split(" ")[1] for line in told(f"name: '{name}'\nsteps: []")] == ["D006"]
    assert [line.split(" ")[1] for line in told(f"queue: '{name}'\nsteps: []")] == ["D006"]
    assert told("steps: [{name: ../../x, command: a}]") == []


def test_Y21_nothing_is_executed_while_reading(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    command = f"`touch {canary}`"
    steps = f"preconditions: '{command}'\nsteps: ['echo {command}']"
    text = f"env: [A={command}]\nparams: [{{B: '{command}'}}]\n{steps}"
    assert told(text) == []
    assert not canary.exists()
