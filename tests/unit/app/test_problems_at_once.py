"""What plugins find, and what is wrong with parameters, is told with every other problem of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core import InvalidDefinition, Problem, hookimpl
from dagu_core.app.dags import Dags
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan


class Judge:
    """Finds fault with every script of a plan, and fails where there is no step."""

    def __init__(self) -> None:
        self.judged: list[str] = []

    @hookimpl
    def dagu_lint(self, plan: Plan, places: Places) -> list[Problem]:
        assert plan.nodes and all(max(node.depends, default=-1) < len(plan.nodes) for node in plan.nodes)
        self.judged.append(plan.name)
        return [
            Problem(f"{node.name} is a script", places.value("script", step=node), "T001")
            for node in plan.nodes
            if node.script
        ]


def problems(tmp_path: Path, text: str, base: str = "") -> tuple[list[str], Judge]:
    judge = Judge()
    host = PluginHost.load(plugins=[judge], discover=False)
    dags = Dags(tmp_path, tmp_path / "base.yaml", host)
    with pytest.raises(InvalidDefinition) as refused:
        dags.check(text, path=str(tmp_path / "d.yaml"), base=base)
    assert all(problem.hint for problem in refused.value.problems if problem.code != "T001")
    return [
        f"{found.place.line}:{found.place.column} {found.code}" for found in refused.value.problems
    ], judge


def test_a_finding_stands_beside_the_error_of_another_step(tmp_path: Path) -> None:
    text = (
        "params: {schema: {type: objct}}\nsteps:\n  - {name: a, script: x}\n"
        "  - {name: b, foo: 1, script: y}\n"
        "  - {name: c, script: z}\nhandlerOn: {exit: {script: x, retryPolicy: 5}}\n"
        "---\nname: kid\nsteps:\n  - {name: d, script: w}\n  - {name: e, timeoutSec: no}\n"
    )
    found, judge = problems(tmp_path, text)
    assert found == [
        "1:25 D005",
        "3:23 T001",
        "4:15 D003",  # its script is not judged: who knows what is meant
        "5:23 T001",
        "6:44 D002",
        "10:23 T001",
        "11:5 D004",
        "11:27 D002",
    ]
    assert judge.judged == ["d", "kid"]


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("steps: [{name: a, script: x, depends: b}, {name: b, script: x, depends: a}]", "", ["1:39 D008"]),
        ("steps: [{name: a, script: x}]\nfoo: [", "", ["2:7 D001"]),
        ("- a\n- b", "", ["1:1 D002"]),
        ("steps: [{name: a, script: x}]", "foo: 1\n", ["1:1 D003"]),
        ("steps: [{name: a, script: x}, 7]", "", ["1:31 D002"]),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, text: str, base: str, expected: list[str]) -> None:
    found, judge = problems(tmp_path, text, base)
    assert [line for line in found if "T001" not in line] == expected
    assert ("T001" in str(found)) == (judge.judged != [])
