"""Gotchas 65 to 75: parameters and sub-DAGs."""

from __future__ import annotations

import json

from dagu_core.contracts.store import RunQuery
from tests.gotchas.lab import Lab

ECHO_CHILD = """
---
name: child
params: [X=none]
steps: [{command: 'echo "$X"', output: X_OUT}]
"""


def test_gotcha_065_a_word_is_one_parameter(lab: Lab) -> None:
    ran = lab.run("steps: ['echo \"[$A]\"']", "A=a b")
    assert ran.params == (("A", "a b"),)
    assert ran.out() == "[a b]\n"


def test_gotcha_066_a_positional_override_is_appended_to_named_ones(lab: Lab) -> None:
    ran = lab.run("params: 'A=x'\nsteps: ['echo $A $1']", "q")
    assert ran.params == (("A", "x"), ("1", "q"))
    assert ran.out() == "x q\n"


def test_gotcha_067_single_quotes_hold_a_value_together(lab: Lab) -> None:
    ran = lab.run('params: "A=\'x y\' B=z"\nsteps: ["echo [$A] [$B]"]')
    assert ran.params == (("A", "x y"), ("B", "z"))


def test_gotcha_068_defaults_of_a_schema_fill_required_ones(lab: Lab) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "default": 5}, "env": {"type": "string"}},
        "required": ["n", "env"],
    }
    lab.write(json.dumps(schema), "schema.json")
    ran = lab.run("""
        params: {schema: schema.json, values: {env: dev}}
        steps: ["echo $n $env"]
        """)
    assert ran.out() == "5 dev\n"


def test_gotcha_069_equal_items_are_one_run(lab: Lab) -> None:
    ran = lab.run("steps: [{name: p, call: child, parallel: ['X=a', 'X=a', 'X=b']}]" + ECHO_CHILD)
    assert ran.report("p")["summary"] == {"total": 2, "succeeded": 2, "failed": 0}
    assert len(ran.step("p").children) == 2


def test_gotcha_070_results_are_in_the_order_of_the_items(lab: Lab) -> None:
    items = [f"X={n}" for n in (5, 1, 4, 2, 3)]
    ran = lab.run(
        f"""
        steps:
          - {{name: p, call: child, parallel: {json.dumps(items)}, output: R}}
          - {{name: first, command: 'echo "${{R.outputs[0].X_OUT}}"'}}
        """
        + ECHO_CHILD
    )
    assert [one["X_OUT"] for one in ran.report("p")["outputs"]] == ["5", "1", "4", "2", "3"]
    assert ran.out("first") == "5\n"


def test_gotcha_071_no_items_fail_unless_allowed(lab: Lab) -> None:
    empty = "params: ['EMPTY=\"\"']\n"
    ran = lab.run(empty + "steps: [{name: p, call: child, parallel: '${EMPTY}'}]" + ECHO_CHILD)
    assert ran.of("p") == "failed" and "at least one item" in ran.step("p").error
    allowed = lab.run(
        empty
        + "steps: [{name: p, call: child, parallel: {items: '${EMPTY}', allowEmpty: true}}]"
        + ECHO_CHILD
    )
    assert allowed.of("p") == "succeeded" and allowed.report("p")["summary"]["total"] == 0


def test_gotcha_072_a_child_aborted_by_its_condition_fails_the_step(lab: Lab) -> None:
    ran = lab.run("""
        steps: [{name: c, call: child}]
        ---
        name: child
        preconditions: ["false"]
        steps: ["true"]
        """)
    assert (ran.of("c"), ran.status) == ("failed", "failed")
    assert "failed with status: aborted" in ran.step("c").error


def test_gotcha_073_a_relative_folder_of_a_child_is_beside_the_file(lab: Lab) -> None:
    ran = lab.run("""
        workingDir: elsewhere
        steps: [{name: c, call: child}]
        ---
        name: child
        workingDir: sub
        steps: [pwd > here.txt]
        """)
    assert ran.status == "succeeded"
    assert (lab.work / "sub/here.txt").read_text() == f"{lab.work}/sub\n"


def test_gotcha_074_a_stop_reaches_the_child(lab: Lab) -> None:
    ran = lab.stopped("""
        steps: [{name: c, call: child}]
        ---
        name: child
        handlerOn: {abort: {command: "touch aborted"}}
        steps:
          - command: "trap 'touch termed; exit 1' TERM; touch ready; while :; do sleep 0.05; done"
        """)
    assert (ran.of("c"), ran.status) == ("aborted", "aborted")
    assert (lab.work / "termed").exists() and (lab.work / "aborted").exists()
    runs = lab.use(lambda app: app.store.find(RunQuery(dag="child", roots_only=False)))
    assert [one.status.label for one in runs] == ["aborted"]


def test_gotcha_075_a_child_sees_its_parents_env_only_in_its_definition(lab: Lab) -> None:
    ran = lab.run("""
        env: [{PARENT_ENV: mine}]
        steps: [{name: c, call: child}]
        ---
        name: child
        env: [{X: "${PARENT_ENV}"}]
        steps: [{command: 'echo "[$PARENT_ENV][$X]"', output: OUT}]
        """)
    assert ran.report("c")["outputs"] == {"OUT": "[][mine]"}
