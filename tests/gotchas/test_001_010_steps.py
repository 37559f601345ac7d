"""Gotchas 1 to 10: lists, order, shells."""

from __future__ import annotations

import pytest

from dagu_core.base.places import InvalidDefinition
from tests.gotchas.lab import Lab


def test_gotcha_001_list_is_two_commands(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, command: [echo, hi]}]")
    assert ran.status == "failed"
    assert "hi: command not found" in ran.err("s")
    assert [w.code for w in lab.warnings("steps: [{command: [echo, hi]}]")] == ["W001"]
    assert lab.run("steps: [{exec: [echo, 'a  b']}]").out() == "a  b\n"


def test_gotcha_002_empty_depends_starts_at_once(lab: Lab) -> None:
    plan = lab.check("steps: ['echo a', {depends: [], command: echo b}, 'echo c']").plans[0]
    assert [step.depends for step in plan.steps] == [(), (), (1,)]


def test_gotcha_003_depends_in_a_chain_still_waits(lab: Lab) -> None:
    text = """
        steps:
          - {name: s, command: 'true'}
          - {name: t, depends: s, command: 'sleep 0.2; echo t >> order'}
          - {name: u, depends: s, command: echo u >> order}
        """
    assert lab.check(text).plans[0].steps[2].depends == (0, 1)
    assert lab.run(text).status == "succeeded"
    assert (lab.work / "order").read_text() == "t\nu\n"


def test_gotcha_004_a_map_of_steps_is_in_file_order(lab: Lab) -> None:
    ran = lab.run("steps: {b: {command: echo b >> order}, a: {command: echo a >> order}}")
    assert (lab.work / "order").read_text() == "b\na\n"
    assert [step.depends for step in ran.view.plan.steps] == [(), (0,)]


def test_gotcha_005_a_cycle_is_a_load_error(lab: Lab) -> None:
    with pytest.raises(InvalidDefinition, match="cycle"):
        lab.check("""
            type: graph
            steps:
              - {name: a, depends: b, command: 'true'}
              - {name: b, depends: a, command: 'true'}
            """)


def test_gotcha_006_no_steps_succeed(lab: Lab) -> None:
    ran = lab.run("steps: []")
    assert (ran.status, ran.exit_code) == ("succeeded", 0)


def test_gotcha_007_a_failing_command_ends_the_line(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, command: 'false; echo x'}]")
    assert (ran.of("s"), ran.out("s")) == ("failed", "")


def test_gotcha_008_a_shell_of_its_own_has_no_errexit(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, shell: bash, command: 'false; echo x'}]")
    assert (ran.of("s"), ran.out("s")) == ("succeeded", "x\n")


def test_gotcha_009_a_shell_of_its_own_ignores_the_shebang(lab: Lab) -> None:
    script = "#!/usr/bin/env python3\\necho $((40 + 2))"
    ran = lab.run(f'steps: [{{name: s, shell: bash, script: "{script}"}}]')
    assert ran.out("s") == "42\n"
    heeded = lab.run('steps: [{name: s, script: "#!/usr/bin/env python3\\nprint(6 * 7)"}]')
    assert heeded.out("s") == "42\n"


def test_gotcha_010_no_pipefail(lab: Lab) -> None:
    assert lab.run("steps: ['false | true']").status == "succeeded"
