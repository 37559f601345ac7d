"""What a step finds in its environment: precedence, dotenv files, the special variables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagu_core.base.places import InvalidDefinition
from tests.gotchas.lab import Lab

LAYERS = {
    "base": "env: [{X: base}]",
    "dag": "env: [{X: dag}]",
    "dotenv": "X=dotenv",
    "params": "params: X=param",
    "secrets": "secrets: [{name: X, provider: env, key: SOURCE}]",
    "output": "{name: out, command: echo output, output: X}",
    "step": "{X: step}",
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"SOURCE": "secret", "DAG_X": "os"})


def seen(lab: Lab, text: str) -> str:
    """What the step `show` of the run prints."""
    ran = lab.run(text)
    assert ran.status == "succeeded", ran.view.details()
    return ran.out("show").strip()


# Each pair: the second layer is asked first.
PRECEDENCE = [
    (("base", "dag"), "dag"),
    (("dag", "dotenv"), "dotenv"),
    (("dag", "params"), "param"),
    (("dotenv", "params"), "param"),
    (("dag", "secrets"), "*******"),
    (("secrets", "output"), "output"),
    (("output", "params"), "param"),
    (("params", "step"), "step"),
    (("secrets", "step"), "step"),
    (("output", "step"), "step"),
    (("base", "dag", "dotenv", "output", "params", "step"), "step"),
]


@pytest.mark.parametrize(("layers", "expected"), PRECEDENCE, ids=[" < ".join(row[0]) for row in PRECEDENCE])
@pytest.mark.parametrize("form", ["$X", "${X}", "printenv"])
def test_later_layers_win(lab: Lab, layers: tuple[str, ...], expected: str, form: str) -> None:
    if "base" in layers:
        lab.base(LAYERS["base"])
    if "dotenv" in layers:
        lab.write(LAYERS["dotenv"], ".env")
    head = [LAYERS[name] for name in layers if name in ("dag", "params", "secrets")]
    out = [f"  - {LAYERS['output']}"] if "output" in layers else []
    env = f", env: [{LAYERS['step']}]" if "step" in layers else ""
    command = "printenv X" if form == "printenv" else f"echo {form}"
    text = "\n".join([*head, "steps:", *out, f"  - {{name: show, command: '{command}'{env}}}"])
    assert seen(lab, text) == expected


def test_a_secret_and_a_parameter_of_one_name_are_refused(lab: Lab) -> None:
    with pytest.raises(InvalidDefinition, match="both a secret and a parameter"):
        lab.check(f"{LAYERS['secrets']}\n{LAYERS['params']}\nsteps:\n  - 'true'")


def test_an_environment_entry_sees_the_earlier_ones_in_file_order(lab: Lab) -> None:
    text = (
        "env: {A: a, B: '${A}b', C: '${B}c'}\nsteps:\n  - {name: show, command: echo $C, env: [{D: '${C}d'}]}"
    )
    assert seen(lab, text) == "abc"


def test_a_command_in_env_is_run_once_and_a_failing_one_refuses_the_run(lab: Lab) -> None:
    env = "env: [{N: '`echo x >> count; wc -l < count`'}]"
    text = f"{env}\nsteps:\n  - 'true'\n  - {{name: show, command: echo $N}}"
    assert seen(lab, text) == "1"
    with pytest.raises(Exception, match="env N: command substitution `false` failed"):
        lab.run("env: [{N: '`false`'}]\nsteps:\n  - 'true'")


PASSED = {
    "PATH": True,
    "HOME": True,
    "LC_TIME": True,
    "DAG_ANY": True,
    "TZ": True,
    "LD_LIBRARY_PATH": True,
    "AWS_SECRET_ACCESS_KEY": False,
    "DAGU_AUTH_TOKEN": False,
    "PYTHONPATH": False,
    "DAG_RUN_ID": False,
}


@pytest.mark.parametrize("name", PASSED)
def test_which_variables_of_the_engine_reach_a_step(lab: Lab, name: str) -> None:
    real = {"PATH": "/usr/bin:/bin", "LC_TIME": "C", "TZ": "UTC", "HOME": str(lab.home)}
    value = real.get(name, "mark")
    lab.environ[name] = value
    found = seen(lab, f"steps:\n  - {{name: show, command: printenv {name} || true}}")
    assert (found == value) is PASSED[name]


def test_what_is_not_passed_on_can_still_be_referred_to(lab: Lab) -> None:
    lab.environ["MINE"] = "from outside"
    assert (
        seen(lab, "env: [{COPY: '${MINE}'}]\nsteps:\n  - {name: show, command: echo $COPY}") == "from outside"
    )


def test_dotenv_files_are_read_in_order_and_missing_ones_skipped(lab: Lab) -> None:
    lab.write("A=1\nB=1\nC=1", ".env")
    lab.write("export B='2'\nC=\"2 # not a comment\"  # a comment", "two.env")
    lab.write("C=3\nD=${C}!\nE=`date`", "three.env")
    text = (
        "dotenv: [two.env, gone.env, three.env, two.env]\n"
        "steps:\n  - {name: show, command: 'echo \"$A $B $C $D $E\"'}"
    )
    assert seen(lab, text) == "1 2 3 3! `date`"


def test_dotenv_is_looked_for_in_the_working_folder_first(lab: Lab) -> None:
    lab.write("A=beside the file", ".env")
    lab.write("A=in the folder", "sub/.env")
    text = "workingDir: {}\nsteps:\n  - {{name: show, command: echo $A}}"
    assert seen(lab, text.format("sub")) == "in the folder"
    assert seen(lab, text.format("empty")) == "beside the file"


def test_dotenv_comes_after_env_and_params_were_evaluated(lab: Lab) -> None:
    lab.write("LATE=yes", ".env")
    text = 'env: [{E: \'${LATE}\'}]\nsteps:\n  - {name: show, command: \'printf "%s|%s" "$E" "$LATE"\'}'
    assert seen(lab, text) == "${LATE}|yes"


def test_a_broken_dotenv_file_fails_the_run_with_its_name(lab: Lab) -> None:
    (lab.work / ".env").write_bytes(b"A=\xff\n")
    ran = lab.run("steps:\n  - 'true'")
    assert ran.status == "failed"
    assert ".env" in ran.view.summary.error


def test_the_special_variables_of_a_step(lab: Lab) -> None:
    names = "DAG_NAME DAG_RUN_ID DAG_RUN_LOG_FILE DAG_RUN_STEP_NAME"
    names += " DAG_RUN_STEP_STDOUT_FILE DAG_RUN_STEP_STDERR_FILE"
    ran = lab.run(
        f"params: A=1\nsteps:\n  - name: show\n    workingDir: sub\n    command: |\n"
        f'      for n in {names} PWD DAGU_PARAMS_JSON DAG_RUN_STATUS; do eval echo "\\$n=\\$$n"; done'
    )
    found = dict(line.split("=", 1) for line in ran.out("show").splitlines())
    state, summary = ran.step("show"), ran.view.summary
    assert found["DAG_NAME"] == "flow"
    assert found["DAG_RUN_ID"] == summary.ref.run_id
    assert found["DAG_RUN_LOG_FILE"] == summary.log
    assert found["DAG_RUN_STEP_NAME"] == "show"
    assert (found["DAG_RUN_STEP_STDOUT_FILE"], found["DAG_RUN_STEP_STDERR_FILE"]) == (
        state.stdout,
        state.stderr,
    )
    assert found["PWD"] == str(lab.work / "sub")
    assert found["DAGU_PARAMS_JSON"].replace('"', "") == "{A:1}"
    assert found["DAG_RUN_STATUS"] == ""


def test_a_merged_step_is_told_one_log(lab: Lab) -> None:
    command = 'test "$DAG_RUN_STEP_STDOUT_FILE" = "$DAG_RUN_STEP_STDERR_FILE" && echo one'
    assert seen(lab, f"steps:\n  - {{name: show, logOutput: merged, command: '{command}'}}") == "one"


@pytest.mark.parametrize(
    ("step", "kind", "status"),
    [("true", "success", "succeeded"), ("false", "failure", "failed"), ("true", "init", "running")],
)
def test_handlers_are_told_the_status_of_the_run(lab: Lab, step: str, kind: str, status: str) -> None:
    handler = "command: 'echo \"$DAG_RUN_STATUS $DAG_RUN_STEP_NAME\" > seen'"
    lab.run(f"steps:\n  - '{step}'\nhandlerOn:\n  {kind}: {{{handler}}}")
    assert (lab.work / "seen").read_text() == f"{status} on{kind.title()}\n"


def test_the_parameters_as_json(lab: Lab) -> None:
    text = "params: 'first A=\"x y\"'\nsteps:\n  - {name: show, command: 'printf %s \"$DAGU_PARAMS_JSON\"'}"
    assert json.loads(seen(lab, text)) == {"1": "first", "A": "x y"}


SHOW_JSON = "steps:\n  - {name: show, command: 'printf %s \"$DAGU_PARAMS_JSON\"; test ! -e fail'}"
GIVEN = ['{"A": 2, "Z": {"x": [1]}}', '["q", {"A": 3}]', "{}"]


@pytest.mark.parametrize("text", GIVEN)
def test_parameters_given_as_json_are_kept_as_they_were_written(lab: Lab, text: str) -> None:
    lab.write("", "fail")
    failed = lab.run(f"params: {{A: 1}}\n{SHOW_JSON}", params=f" {text} ")
    assert (failed.status, failed.out("show")) == ("failed", text)
    (lab.work / "fail").unlink()
    again = lab.ran(lambda app: app.runs.retry("flow", failed.view.summary.ref.run_id))
    assert (again.status, again.out("show")) == ("succeeded", text)


def test_other_parameters_become_json_texts(lab: Lab) -> None:
    assert json.loads(seen(lab, f"params: {{A: 1}}\n{SHOW_JSON}")) == {"A": "1"}
    given = lab.run(f"params: {{A: 1}}\n{SHOW_JSON}", '{"A": 2}', params='{"A": 3}')
    assert json.loads(given.out("show")) == {"A": "2"}, "what stands behind `--` wins"


def test_a_secret_in_parameters_given_as_json_is_on_no_record(lab: Lab) -> None:
    lab.environ["SOURCE"] = 'hush-"hush"'
    text = f"secrets: [{{name: S, provider: env, key: SOURCE}}]\nparams: {{A: 1}}\n{SHOW_JSON}"
    text = text.replace("printf %s", 'test 14 = $(printf %s "$A" | wc -c) && printf %s')
    run = lab.run(text, params=json.dumps({"A": 'x hush-"hush"'}))
    assert run.status == "succeeded" and "hush" not in run.out("show")
    assert "hush" not in str(run.view.summary)


def test_the_home_of_nobody_is_no_folder_to_work_in(lab: Lab) -> None:
    ran = lab.run("steps: [{name: show, command: pwd, workingDir: ~nobody-here/x}]")
    assert ran.step("show").error == "workingDir ~nobody-here/x: there is no home folder ~nobody-here"
    with pytest.raises(Exception, match="there is no home folder ~nobody-here"):
        lab.run("workingDir: ~nobody-here/x\nsteps: [{command: pwd}]")
    assert not list(lab.work.glob("~*"))
