"""Sub-DAG steps: what a child gets, what its parent gets back, one run an item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.contracts.store import RunQuery
from tests.gotchas.lab import Lab, Ran


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"SOURCE": "hush-hush"})


def starting(request: StartRequest) -> Callable[[App], Awaitable[RunView]]:
    return lambda app: app.runs.start(request)


def with_child(parent: str, child: str) -> str:
    return f"{parent}\n---\nname: child\n{child}"


def test_the_report_of_a_child(lab: Lab) -> None:
    ran = lab.run(
        with_child(
            "steps:\n  - {name: a, call: child, params: 'A=1 B=\"x y\"', output: OUT}\n"
            "  - {name: b, command: 'echo ${OUT.outputs.ONE} ${OUT.status}'}",
            "params: A=0 B=0\nsteps:\n  - {command: 'echo $A', output: ONE}\n"
            "  - {command: 'echo \"$B\"', output: {name: TWO, omit: true}}",
        )
    )
    report = ran.report("a")
    assert list(report) == ["name", "dagRunId", "params", "outputs", "status"]
    assert report | {"dagRunId": ""} == {
        "name": "child",
        "dagRunId": "",
        "params": 'A=1 B="x y"',
        "outputs": {"ONE": "1", "TWO": "x y"},
        "status": "succeeded",
    }
    assert ran.out("a").startswith('{\n  "name"')
    assert ran.out("b") == "1 succeeded\n"


def test_a_child_without_params_and_outputs(lab: Lab) -> None:
    report = lab.run(with_child("steps:\n  - {name: a, call: child}", "steps:\n  - 'true'")).report("a")
    assert list(report) == ["name", "dagRunId", "outputs", "status"]
    assert report["outputs"] == {}


STATUSES = [
    ("steps:\n  - 'true'", "succeeded", "succeeded", None),
    ("steps:\n  - 'false'", "failed", "failed", 1),
    ("steps:\n  - {command: 'exit 9'}", "failed", "failed", 1),
    (
        "steps:\n  - {command: 'false', continueOn: {failure: true}}\n  - 'true'",
        "partially_succeeded",
        "partially_succeeded",
        0,
    ),
    ("preconditions: [{condition: a, expected: b}]\nsteps:\n  - 'true'", "aborted", "failed", 1),
    (
        "steps:\n  - {command: 'true', preconditions: [{condition: a, expected: b}]}",
        "succeeded",
        "succeeded",
        None,
    ),
]


@pytest.mark.parametrize(("child", "status", "step", "code"), STATUSES, ids=[row[1] for row in STATUSES])
def test_the_status_of_a_child_becomes_the_status_of_its_step(
    lab: Lab, child: str, status: str, step: str, code: int | None
) -> None:
    ran = lab.run(with_child("steps:\n  - {name: a, call: child}", child))
    assert (ran.report("a")["status"], ran.of("a")) == (status, step)
    assert (ran.step("a").exit_code or 0) == (code or 0)
    if step == "failed":
        assert f"failed with status: {status}" in ran.step("a").error


def test_a_missing_child_fails_its_step_only_at_run_time(lab: Lab) -> None:
    ran = lab.run("steps:\n  - {name: a, call: not-there, continueOn: {failure: true}}\n  - 'true'")
    assert (ran.of("a"), ran.status) == ("failed", "partially_succeeded")
    assert "not-there" in ran.step("a").error


def test_what_the_environment_of_the_parent_is_to_a_child(lab: Lab) -> None:
    lab.run(
        with_child(
            "env: [{E: env}]\nparams: P=param\nsecrets: [{name: S, provider: env, key: SOURCE}]\n"
            "steps:\n  - {command: echo out, output: O}\n  - {call: child, env: [{STEP: step}]}",
            "env: [{X: '${E} ${P} ${O} ${STEP}'}]\n"
            "steps:\n  - command: 'echo \"$X|$E|$P|$S|$O|$STEP\" > seen'",
        )
    )
    # References of the child's own file see env and params; its steps get nothing by themselves.
    assert (lab.work / "seen").read_text() == "env param ${O} ${STEP}|||||\n"


WORKING = [
    ("", "", "."),
    ("workingDir: top\n", "", "top"),
    ("workingDir: top\n", "workingDir: own\n", "own"),
    ("", "workingDir: own\n", "own"),
]


@pytest.mark.parametrize(("parent", "child", "expected"), WORKING)
def test_where_a_child_works(lab: Lab, parent: str, child: str, expected: str) -> None:
    lab.run(with_child(f"{parent}steps:\n  - call: child", f"{child}steps:\n  - pwd > {lab.work}/seen"))
    assert (lab.work / "seen").read_text().strip() == str((lab.work / expected).resolve())


def test_a_child_without_a_folder_works_where_its_step_does(lab: Lab) -> None:
    lab.run(with_child("steps:\n  - {call: child, workingDir: deep}", f"steps:\n  - pwd > {lab.work}/seen"))
    assert (lab.work / "seen").read_text().strip() == str(lab.work / "deep")


def test_a_default_folder_is_for_files_that_name_none(lab: Lab) -> None:
    elsewhere = lab.work / "elsewhere"
    for head, expected in (("", elsewhere), ("workingDir: own\n", lab.work / "own")):
        path = lab.write(f"{head}steps:\n  - {{name: a, command: pwd}}")
        request = StartRequest(dag=str(path), default_working_dir=str(elsewhere))
        assert lab.ran(starting(request)).out("a") == f"{expected}\n"


def test_a_child_in_a_file_of_its_own(lab: Lab) -> None:
    lab.write("params: W=x\nsteps:\n  - {command: 'echo hello $W', output: O}", "other.yaml")
    ran = lab.run("steps:\n  - {name: a, call: other, params: {W: [1, 2]}}")
    assert ran.report("a")["outputs"] == {"O": "hello [1,2]"}


def items(ran: Ran) -> list[str]:
    return [result.get("params", "") for result in ran.report("all")["results"]]


ECHO = "steps:\n  - {command: 'echo \"$1\"', output: O}"
ITEMS = [
    ("[a, b, c]", ["a", "b", "c"]),
    ("[a, a, b, a]", ["a", "b"]),
    ("[1, 2.50, 'x y']", ["1", "2.50", "x"]),
    ("'a,b;c,d'", ["a", "b;c", "d"]),
    ("'[\"p\", 2, null]'", ["p", "2", "null"]),
    ("{items: [z, y, x], maxConcurrent: 1}", ["z", "y", "x"]),
    ("'${LIST}'", ["l1", "l2"]),
]


@pytest.mark.parametrize(("parallel", "expected"), ITEMS, ids=[row[0] for row in ITEMS])
def test_one_child_an_item_in_the_order_of_the_items(lab: Lab, parallel: str, expected: list[str]) -> None:
    ran = lab.run(
        with_child(
            f"env: [{{LIST: 'l1 l2'}}]\nsteps:\n  - {{name: all, call: child, parallel: {parallel}}}", ECHO
        )
    )
    report = ran.report("all")
    assert [result["outputs"]["O"] for result in report["results"]] == expected
    assert report["outputs"] == [{"O": value} for value in expected]
    assert report["summary"] == {"total": len(expected), "succeeded": len(expected), "failed": 0}


def test_params_of_an_item(lab: Lab) -> None:
    ran = lab.run(
        with_child(
            "steps:\n  - name: all\n    call: child\n    params: 'N=${ITEM.name} K=fixed'\n"
            "    parallel: [{name: one}, {name: two words}]",
            "params: N=0 K=0\nsteps:\n  - {command: 'echo \"$N/$K/$ITEM\"', output: O}",
        )
    )
    assert [result["O"] for result in ran.report("all")["outputs"]] == ["one/fixed/", "two words/fixed/"]


def test_json_given_to_a_child_keeps_its_numbers_and_lists_as_they_are_written(lab: Lab) -> None:
    given = '{"b": 1.0,  "a":[1, 2.50]}'
    ran = lab.run(
        with_child(
            f"type: graph\nenv:\n  - J: '{given}'\n  - L: '[{given}]'\nsteps:\n"
            f"  - {{name: text, call: child, params: '{given}'}}\n"
            "  - {name: reference, call: child, params: '${J}'}\n"
            f"  - {{name: item, call: child, parallel: ['{given}']}}\n"
            "  - {name: items, call: child, parallel: '${L}'}\n"
            "  - {name: filled, call: child, parallel: '${L}', params: '${ITEM}'}",
            "steps:\n  - {command: 'echo \"$a,$b,$DAGU_PARAMS_JSON\"', output: O}",
        )
    )
    expected = '[1, 2.50],1.0,{"a":"[1, 2.50]","b":"1.0"}'
    for name in ("text", "reference"):
        assert ran.report(name)["outputs"] == {"O": expected}
    for name in ("item", "items", "filled"):
        assert ran.report(name)["outputs"] == [{"O": expected}]


def test_the_outputs_of_a_fan_out_are_those_of_the_successful(lab: Lab) -> None:
    ran = lab.run(
        with_child(
            "steps:\n  - {name: all, call: child, parallel: [1, 0, 2], output: OUT,"
            " continueOn: {failure: true}}\n"
            "  - {name: after, command: 'echo ${OUT.summary.failed} ${OUT.outputs[1].O}'}",
            "steps:\n  - {command: echo $1, output: O}\n  - test $1 != 0",
        )
    )
    report = ran.report("all")
    assert report["summary"] == {"total": 3, "succeeded": 2, "failed": 1}
    assert [result["status"] for result in report["results"]] == ["succeeded", "failed", "succeeded"]
    assert report["outputs"] == [{"O": "1"}, {"O": "2"}]
    assert (ran.of("all"), ran.step("all").exit_code) == ("failed", 1)
    assert "1 of 3" in ran.step("all").error
    assert ran.out("after") == "1 2\n"


@pytest.mark.parametrize(
    ("fields", "shown", "expected"),
    [
        ("call: slow", "${O} [${O.status}]", "null []\n"),
        (
            "call: slow, parallel: [quick, slow]",
            "${O.summary.total} ${O.summary.succeeded} ${O.summary.failed} ${O.outputs[0].I}",
            "2 1 0 quick\n",
        ),
    ],
)
def test_a_step_that_was_stopped_prints_what_there_is(
    lab: Lab, fields: str, shown: str, expected: str
) -> None:
    ran = lab.run(
        f"steps:\n  - {{name: a, {fields}, timeoutSec: 1, continueOn: failed, output: O}}\n"
        f"  - {{name: b, command: 'echo \"{shown}\"'}}\n---\nname: slow\nsteps:\n"
        "  - {command: 'echo $1', output: I}\n  - {command: 'test \"$1\" = quick || exec sleep 20'}"
    )
    assert ran.out("b") == expected


def test_no_items(lab: Lab) -> None:
    head = "env: [{NONE: ''}]\nsteps:\n  - {name: all, call: child, parallel: "
    ran = lab.run(with_child(f"{head}'${{NONE}}'}}", ECHO))
    assert "requires at least one item" in ran.step("all").error
    allowed = lab.run(with_child(f"{head}{{items: '${{NONE}}', allowEmpty: true}}}}", ECHO))
    assert (allowed.of("all"), allowed.report("all")["summary"]["total"]) == ("succeeded", 0)


def test_too_many_items(lab: Lab) -> None:
    ran = lab.run(
        with_child(
            "env: [{MANY: '`seq 1001`'}]\nsteps:\n  - {name: all, call: child, parallel: '${MANY}'}", ECHO
        )
    )
    assert "1001 items, at most 1000" in ran.step("all").error


def test_children_are_listed_under_their_root_and_keep_their_id_over_a_retry(lab: Lab) -> None:
    text = with_child("steps:\n  - {name: a, call: child}", "steps:\n  - echo x >> n\n  - test -e again")
    first = lab.run(text)
    (lab.work / "again").touch()
    ref = first.view.summary.ref
    second = lab.ran(lambda app: app.runs.retry("flow", ref.run_id))
    assert second.status == "succeeded"
    assert second.step("a").children == first.step("a").children
    # The child went on where it had failed.
    assert (lab.work / "n").read_text() == "x\n"
    found = lab.use(lambda app: app.store.find(RunQuery(dag="child", roots_only=False)))
    assert [(run.root, run.parent, run.parent_step) for run in found] == [(ref, ref, "a")]


def test_a_childs_secret_is_masked_in_the_parents_report(lab: Lab) -> None:
    child = "secrets: [{name: S, provider: env, key: SOURCE}]\nsteps:\n  - {command: 'echo v=$S', output: O}"
    ran = lab.run(
        with_child(
            "steps:\n  - {name: a, call: child, output: OUT}\n  - {name: b, command: 'echo $OUT'}", child
        )
    )
    assert ran.report("a")["outputs"] == {"O": "v=*******"}
    assert "\x1a" not in ran.out("b")
    assert "v=*******" in ran.out("b")


def test_a_secret_both_know_reaches_the_parents_next_step_as_a_value(lab: Lab) -> None:
    secret = "secrets: [{name: S, provider: env, key: SOURCE}]\n"
    ran = lab.run(
        with_child(
            f"{secret}steps:\n  - {{name: a, call: child, output: OUT}}\n"
            "  - {name: b, command: 'test \"${OUT.outputs.O}\" = hush-hush && echo same'}",
            f"{secret}steps:\n  - {{command: 'echo $S', output: O}}",
        )
    )
    assert ran.out("b") == "same\n"
    assert "hush-hush" not in ran.out("a")
