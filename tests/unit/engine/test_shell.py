"""The command step: which program runs a line, a list, a script, plain arguments."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import which

import pytest

from dagu_core.testing.requirements import require
from tests.gotchas.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work")


def out(lab: Lab, step: str, head: str = "") -> str:
    ran = lab.run(f"{head}steps:\n  - name: a\n    {step}")
    assert ran.status == "succeeded", ran.step("a").error
    return ran.out("a")


FORMS = [
    ("command: echo a b", "a b\n"),
    ("command: echo a | tr a b", "b\n"),
    ("command: 'echo $((1 + 2)) \"$(echo in)\"'", "3 in\n"),
    ("command: [echo one, echo two]", "one\ntwo\n"),
    ("command: ['V=1; cd /', 'echo \"[$V]\"; test \"$PWD\" != / && echo back']", "[]\nback\n"),
    ("script: |\n      V=1\n      echo $V", "1\n"),
    ("script: |\n      #!/usr/bin/env python3\n      print(1 + 1)", "2\n"),
    ("script: |\n      #!/bin/sh -u\n      echo ${NOPE-fine}", "fine\n"),
    ("command: python3 -u\n    script: |\n      import sys; print(len(sys.argv))", "1\n"),
    ("command: cat\n    script: just text", "just text"),
    ("exec: [printf, '%s|', a b, ';', '$(x)', '*']", "a b|;|$(x)|*|"),
    ("shell: direct\n    command: printf %s, 'a  b' \"c\"", "a  b,c,"),
    ("shell: direct\n    command: printf %s| 'a  b' \"c\"", "|a  bc"),
    ("shell: direct\n    command: echo a | cat", "a | cat\n"),
    ("shell: /bin/bash -u\n    command: echo $BASHOPTS | wc -w | grep -c .", "1\n"),
    ("shell: [bash, -x]\n    command: echo x", "x\n"),
    ("command: wc -c", "0\n"),
    ("command: 'echo $0'", "/bin/bash\n"),
]


@pytest.mark.parametrize(("step", "expected"), FORMS, ids=[row[0][:50] for row in FORMS])
def test_forms(lab: Lab, step: str, expected: str) -> None:
    assert out(lab, step) == expected


def test_no_shell_reads_exec_but_references_are_replaced(lab: Lab) -> None:
    assert out(lab, "exec: [echo, '$A', '${A}', x]", "env: [{A: 'a  b'}]\n") == "a  b a  b x\n"


ERREXIT = [
    ("command: 'false; echo on'", "failed"),
    ("shell: bash\n    command: 'false; echo on'", "succeeded"),
    ("shell: sh -e\n    command: 'false; echo on'", "failed"),
    ("script: |\n      false\n      echo on", "failed"),
    ("shell: bash\n    script: |\n      false\n      echo on", "succeeded"),
    ("command: 'false | true; echo on'", "succeeded"),
]


@pytest.mark.parametrize(("step", "status"), ERREXIT, ids=[row[0][:40] for row in ERREXIT])
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_failing_command_ends_the_line_unless_the_step_chose_its_shell(
    lab: Lab, step: str, status: str, shell: str
) -> None:
    require(which(shell), shell)
    assert lab.run(f"shell: {shell}\nsteps:\n  - name: a\n    {step}").of("a") == status


@pytest.mark.parametrize("shell", ["bash", "sh", "dash", "zsh", "ksh", "busybox sh"])
def test_every_posix_shell_reads_references_from_its_environment(lab: Lab, shell: str) -> None:
    require(which(shell.split()[0]), shell)
    value = 'it\'s "quoted" $(touch canary) `touch canary` ; touch canary'
    (lab.work / "value.env").write_text("V='" + value.replace("'", "\\'") + "'\n")
    lab.environ["MINE"] = value
    text = (
        f"shell: {shell}\nenv: [{{V: '${{MINE}}'}}]\nsteps:\n  - {{name: a, command: 'printf %s \"${{V}}\"'}}"
    )
    assert lab.run(text).out("a") == value
    assert not (lab.work / "canary").exists()


ORDER = [
    ("shell: dash\n", {}, "dash"),
    ("", {"DAGU_DEFAULT_SHELL": "/bin/dash"}, "dash"),
    ("", {"SHELL": "/bin/dash"}, "dash"),
    ("shell: bash\n", {"DAGU_DEFAULT_SHELL": "/bin/dash"}, "bash"),
    ("", {"SHELL": "/no/such/shell"}, "sh"),
]


@pytest.mark.parametrize(("head", "environ", "expected"), ORDER)
def test_which_shell_it_is(lab: Lab, head: str, environ: dict[str, str], expected: str) -> None:
    require(which("dash"), "dash")
    lab.environ |= environ
    assert out(lab, "command: 'echo ${0##*/}'", head) == f"{expected}\n"


ARGUMENTS = [
    ("command: 'echo \"$1|$2|$#\"'", "one|two words|2\n"),
    ("script: 'echo \"$1|$2|$#\"'", "one|two words|2\n"),
    (
        "script: |\n      #!/usr/bin/env python3\n      import sys; print('|'.join(sys.argv[1:]))",
        "one|two words\n",
    ),
    ("command: ['echo $1', 'echo \"$2\"']", "one\ntwo words\n"),
    ("exec: [echo, '${1}', '${2}']", "one two words\n"),
]


@pytest.mark.parametrize(("step", "expected"), ARGUMENTS, ids=[row[0][:40] for row in ARGUMENTS])
def test_positional_parameters_are_real_arguments(lab: Lab, step: str, expected: str) -> None:
    assert out(lab, step, 'params: one "two words"\n') == expected


def test_an_argument_is_never_read_as_shell_text(lab: Lab) -> None:
    ran = lab.run("params: x\nsteps:\n  - {name: a, command: 'echo \"$1\"'}", "$(touch canary); touch canary")
    assert ran.out("a") == "$(touch canary); touch canary\n"
    assert not (lab.work / "canary").exists()


def test_a_list_stops_at_the_first_failure_and_says_which(lab: Lab) -> None:
    ran = lab.run("steps:\n  - {name: a, command: [echo one, exit 7, echo three]}")
    assert (ran.out("a"), ran.step("a").exit_code) == ("one\n", 7)
    assert "command 2 failed" in ran.step("a").error


def test_the_script_file_is_private_and_gone_afterwards(lab: Lab) -> None:
    ran = lab.run('steps:\n  - {name: a, script: \'echo "$0"; stat -c %a "$0"\'}')
    path, mode = ran.out("a").split()
    assert mode == "750"
    assert not Path(path).exists()
    assert os.listdir(lab.work) == ["flow.yaml"]


CODES = [("exit 3", 3), ("kill -9 $$", 137), ("kill $$", 143), ("no-such-program", 127), ("exit 300", 44)]


@pytest.mark.parametrize(("command", "code"), CODES)
def test_exit_codes_and_the_text_of_the_error(lab: Lab, command: str, code: int) -> None:
    ran = lab.run(f"steps:\n  - {{name: a, command: 'echo why >&2; {command}'}}")
    assert (ran.of("a"), ran.step("a").exit_code) == ("failed", code)
    assert f'failed to execute step "a": exit status {code}' in ran.step("a").error
    assert "why" in ran.step("a").error


def test_the_error_holds_the_end_of_stderr_only(lab: Lab) -> None:
    ran = lab.run(
        "steps:\n  - {name: a, command: 'echo first >&2; yes x | head -n 5000 >&2; echo last >&2; exit 1'}"
    )
    error = ran.step("a").error
    assert error.endswith("last")
    assert "first" not in error
    assert len(error) < 1200


def test_the_working_folder_of_a_step_may_hold_parameters_and_outputs(lab: Lab) -> None:
    ran = lab.run(
        "params: P=par\nsteps:\n  - {command: echo deep, output: O}\n"
        "  - {name: a, workingDir: '${P}/${O}', command: pwd}"
    )
    assert ran.out("a") == f"{lab.work}/par/deep\n"


def test_the_environment_of_a_step_is_clean(lab: Lab) -> None:
    names = {line.split("=", 1)[0] for line in out(lab, "command: env").splitlines() if "=" in line}
    known = {"PATH", "HOME", "SHELL", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {name for name in names - known if not name.startswith(("DAG_RUN_", "DAGU_"))} == {"DAG_NAME"}
    assert {name for name in names if name.startswith("DAGU_")} <= {"DAGU_HOME", "DAGU_ATTEMPT_TOKEN"}


def test_without_a_shell_conditions_are_words_and_backticks_still_commands(lab: Lab) -> None:
    text = """
        shell: direct
        params: A
        env:
          - B: "`echo 'b  b' | tr b c`"
        steps:
          - name: a
            preconditions: [test $A = 'x y "z', 'test "$A" = $A']
            command: printf '<%s>' $A $B
    """
    assert lab.run(text, 'A=x y "z').out("a") == '<x y "z><c  c>'
