"""Who waits for whom, and what steps are called."""

from __future__ import annotations

import pytest

from dagu_core.model.plan.graph import find_cycles
from tests.hostile.language import plan, told


@pytest.mark.parametrize(("text", "depends"), [
    ("steps: [a, b, c]", [(), (0,), (1,)]),
    ("steps: [a, [b, c], d, [e, f]]", [(), (0,), (0,), (1, 2), (3,), (3,)]),
    ("type: graph\nsteps: [a, [b, c], d]", [(), (), (), ()]),
    ("steps: {b: x, a: {command: y}}", [(), (0,)]),
    # chain: own dependencies are added; `[]` cuts the chain
    ("steps: [{name: a, command: x}, b, {depends: a, command: x}, {depends: [], command: x}, e]",
     [(), (0,), (0, 1), (), (3,)]),
    ("type: graph\nsteps: [{name: a, id: i, run: c}, {run: c, depends: i}, {run: c, depends: [a, i]}]",
     [(), (0,), (0,)]),
    ("type: graph\nsteps: [{command: y, depends: b}, {name: b, command: x}]", [(1,), ()]),
    ("type: graph\nsteps: [{command: y, depends: 5}, {name: '5', command: x}]", [(1,), ()]),
    ("steps: []", []),
])  # fmt: skip
def test_depends(text: str, depends: list[tuple[int, ...]]) -> None:
    assert [node.depends for node in plan(text).nodes] == depends


@pytest.mark.parametrize(("text", "names"), [
    ("steps: [a, [b, c], d, [e, f]]", ["cmd_1", "cmd_2", "cmd_3", "cmd_4", "cmd_5", "cmd_6"]),
    ("steps: [{name: cmd_2, command: x}, a]", ["cmd_2", "cmd_3"]),
    ('steps: ["a\\nb", {script: x}, {call: c}, {call: c, parallel: [a]}, {type: http}, {type: hitl}]',
     ["script_1", "script_2", "dag_3", "parallel_4", "http_5", "hitl_6"]),
    ("steps: {x: a, y: {command: b}}", ["x", "y"]),
])  # fmt: skip
def test_names(text: str, names: list[str]) -> None:
    assert [node.name for node in plan(text).nodes] == names


@pytest.mark.parametrize(("depends", "cycles"), [
    ([(), (0,), (1,)], []),
    ([(0,)], [[0]]),
    ([(1,), (0,)], [[0, 1]]),
    ([(2,), (0,), (1,)], [[0, 1, 2]]),
    ([(), (0, 3), (1,), (2,), (3,)], [[1, 2, 3]]),
    ([(1,), (0,), (3,), (2,)], [[0, 1], [2, 3]]),
])  # fmt: skip
def test_cycles(depends: list[tuple[int, ...]], cycles: list[list[int]]) -> None:
    assert find_cycles(depends) == cycles


def test_a_cycle_is_named_where_it_begins() -> None:
    text = (
        "type: graph\nsteps:\n  - {name: a, command: x, depends: b}\n  - {name: b, command: y, depends: a}\n"
    )
    assert told(text) == ["3:36 D008 steps wait for each other: a → b → a"]


def test_groups_cannot_make_millions_of_dependencies() -> None:
    group = "[" + ", ".join(["x"] * 3000) + "]"
    assert len(told(f"steps: [{group}, {group}]")) == 1
    assert "D009 too many dependencies: more than 500000" in told(f"steps: [{group}, {group}]")[0]
