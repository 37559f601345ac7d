"""Commands, shells, exit codes, variables and settings of the DAG, on a real sshd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.harness import StepResult, run_step
from dagu_ssh import plugin


def run(step: Any, **more: Any) -> StepResult:
    return run_step(step, plugins=[plugin], **more)


def out(step: Any, **more: Any) -> str:
    result = run(step, **more)
    assert result.status == "succeeded", result.step.error
    return result.stdout.decode()


# -- how a command is read ----------------------------------------------------------------------


def test_without_a_shell_every_word_is_an_argument(sshd: Any) -> None:
    assert out(sshd.step("echo a | cat '>' \"b  c\" *")) == "a | cat > b  c *\n"


HOSTILE = 'a\'b "c" -x $(echo evil) ; d | e'


@pytest.mark.parametrize("level", ["step", "dag"])
def test_a_value_is_one_argument_whatever_is_in_it(sshd: Any, level: str) -> None:
    command = 'printf "<%s>" ${P} x"${P}"'
    step = sshd.step(command) if level == "step" else {"command": command}
    dag = {"params": [{"P": HOSTILE}], **({"ssh": sshd.config()} if level == "dag" else {})}
    assert out(step, dag=dag) == f"<{HOSTILE}><x{HOSTILE}>"


def test_a_variable_that_only_the_other_side_knows_is_data_for_a_shell(sshd: Any) -> None:
    step = sshd.step('printf "<%s>" "$THEIRS"', shell="sh", env={"THEIRS": "${P}"})
    assert out(step, dag={"params": [{"P": HOSTILE}]}) == f"<{HOSTILE}>"


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_a_value_is_never_code_of_a_shell_there(sshd: Any, shell: str) -> None:
    dag = {"params": [{"P": HOSTILE}], "env": [{"E": f"{HOSTILE}!"}]}
    line = """printf '<%s>' "$P" "x${E}" "${P}$NOBODY_KNOWS" "${P#?}"; printf '<%s>' '$P'"""
    given = f"<{HOSTILE}><x{HOSTILE}!><{HOSTILE}><{HOSTILE[1:]}><$P>"
    assert out(sshd.step(line, shell=shell), dag=dag) == given
    script = {**sshd.step(""), "script": f"true\n{line}\n"}
    del script["command"]
    assert out(script, dag=dag) == given
    assert out({**script, "shell": shell}, dag=dag) == given


def test_a_value_is_never_code_in_an_argument_for_a_shell(sshd: Any) -> None:
    step = {**sshd.step("", shell="bash"), "exec": ["printf", "<%s>", "${P}"]}
    del step["command"]
    assert out(step, dag={"params": [{"P": HOSTILE}]}) == f"<{HOSTILE}>"


def test_what_the_environment_of_this_machine_has_is_the_other_ones_own(sshd: Any) -> None:
    step = sshd.step('printf "%s " "${PATH:+there}" "$HOME"', shell="sh")
    here = {"HOME": "/nowhere/here"}
    assert "/nowhere" not in out(step, environ={**os.environ, **here})


def test_a_secret_that_a_text_refers_to_stands_in_no_argument(sshd: Any) -> None:
    step = sshd.step("test -n \"$TOKEN\" && tr '\\0' ' ' < /proc/$$/cmdline", shell="bash")
    dag = {"secrets": [{"name": "TOKEN", "provider": "env", "key": "KEY"}]}
    said = out(step, dag=dag, environ={**os.environ, "KEY": "very-secret-value"})
    assert "$TOKEN" in said and "secret" not in said.replace("$TOKEN", "") and "***" not in said


def test_with_a_shell_the_line_is_read_by_it(sshd: Any) -> None:
    assert out(sshd.step("echo a b | tr a-z A-Z; echo $0", shell="bash")) == "A B\nbash\n"


def test_a_shell_may_have_arguments(sshd: Any) -> None:
    assert out(sshd.step("false; echo on", shell=["bash"])) == "on\n"
    result = run(sshd.step("false; echo on", shell="bash", shellArgs=["-e"]))
    assert (result.outcome.exit_code, result.stdout) == (1, b"")


def test_the_shell_of_the_config_wins_over_that_of_the_step(sshd: Any) -> None:
    dag = {"ssh": sshd.config(shell="dash")}
    assert out({**sshd.step("echo $0"), "shell": "bash"}) == "bash\n"
    assert out({"command": "echo $0", "shell": "bash"}, dag=dag) == "dash\n"
    # A config of the step's own replaces that of the DAG, its shell included.
    assert out(sshd.step("echo $0"), dag=dag) == "$0\n"


def test_a_command_of_several_lines_is_a_script(sshd: Any) -> None:
    script = 'set -- a b\nfor each; do\n  echo "<$each> it\'s"\ndone\n'
    assert out(sshd.step(script)) == "<a> it's\n<b> it's\n"
    assert out(sshd.step("x=(1 2)\necho ${#x[@]}", shell="bash")) == "2\n"


def test_exec_is_one_argument_vector(sshd: Any) -> None:
    assert out({**sshd.step(), "exec": ["printf", "<%s>", "a b", "$NOPE", "'"]}) == "<a b><$NOPE><'>"


def test_unbalanced_quotes_are_explained(sshd: Any) -> None:
    result = run(sshd.step('echo "a'))
    assert result.status == "failed" and "no closing" in result.step.error


def test_what_the_file_says_of_the_run_is_filled_in_here(sshd: Any) -> None:
    assert out(sshd.step("echo ${WHO} $WHO"), dag={"params": "WHO=world"}) == "world world\n"


def test_a_script_is_what_a_command_of_several_lines_is(sshd: Any) -> None:
    assert out({**sshd.step(), "script": "echo one\necho two"}) == "one\ntwo\n"


# -- several commands, exit codes ----------------------------------------------------------------


def test_commands_have_a_session_each_and_stop_at_the_first_failure(sshd: Any) -> None:
    result = run(
        sshd.step(
            ["export A=1; echo $A$$ >&2; cd /tmp", "echo ${A:-gone}; pwd; exit 7", "echo no"], shell="sh"
        )
    )
    assert result.outcome.exit_code == 7
    assert result.stdout.decode().splitlines()[0] == "gone"
    assert b"/tmp" not in result.stdout and b"no" not in result.stdout
    assert b"command 2 failed" in result.stderr


@pytest.mark.parametrize("code", [42, 255])
def test_the_real_exit_code_arrives(sshd: Any, code: int) -> None:
    result = run(sshd.step(f"exit {code}"))
    assert (result.status, result.outcome.exit_code, result.outcome.ended) == ("failed", code, "exited")
    assert f"exit status {code}" in result.step.error


def test_lists_of_exit_codes_match(sshd: Any) -> None:
    step = {**sshd.step("exit 42"), "continueOn": {"exitCode": [42], "markSuccess": True}}
    assert run(step).status == "succeeded"
    policy = {"retryPolicy": {"limit": 1, "intervalSec": 0, "exitCode": [42]}}
    assert run({**sshd.step("exit 42"), **policy}).step.attempts == 2
    assert run({**sshd.step("exit 41"), **policy}).step.attempts == 1


def test_a_command_that_a_signal_ends_has_the_code_of_shells(sshd: Any) -> None:
    assert run(sshd.step("kill -KILL $$", shell="sh")).outcome.exit_code == 137


def test_a_program_that_is_not_there(sshd: Any) -> None:
    result = run(sshd.step("no-such-program-here"))
    assert result.outcome.exit_code == 127 and "no-such-program-here" in result.step.error
    assert run(sshd.step("echo a", shell="no-such-shell")).outcome.exit_code == 127


# -- output --------------------------------------------------------------------------------------


def test_streams_are_kept_apart(sshd: Any) -> None:
    result = run(sshd.step("echo one; echo two >&2; printf three", shell="sh"))
    assert (result.stdout, result.stderr) == (b"one\nthree", b"two\n")


@pytest.mark.parametrize(("first", "second"), [("", ">&2"), (">&2", "")])
def test_a_full_stream_does_not_hold_up_the_other(sshd: Any, first: str, second: str) -> None:
    # More than the window of the connection on one stream, before the other gets a byte.
    line = f"head -c 5000000 /dev/zero {first}; head -c 3000000 /dev/zero {second}"
    result = run(sshd.step(line, shell="sh"))
    assert result.status == "succeeded"
    assert sorted([len(result.stdout), len(result.stderr)]) == [3000000, 5000000]


def test_what_stays_behind_does_not_hold_up_the_step(sshd: Any) -> None:
    result = run(sshd.step("(sleep 30; echo late) & echo now", shell="sh"))
    assert (result.status, result.stdout) == ("succeeded", b"now\n")
    assert result.view.summary.finished_at - result.view.summary.started_at < 10


def test_captured_output(sshd: Any) -> None:
    result = run({**sshd.step("echo 42"), "output": "ANSWER"})
    assert result.outcome is not None and result.outcome.output == "42"


# -- variables -----------------------------------------------------------------------------------


def test_nothing_of_our_environment_arrives_by_itself(sshd: Any) -> None:
    result = run({**sshd.step("printenv MINE"), "env": [{"MINE": "x"}]})
    assert result.outcome is not None and result.outcome.exit_code == 1


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (["MINE", "B=it's $NOPE"], "x y:it's $NOPE"),
        ({"MINE": "${MINE}", "B": 3}, "x y:3"),
        ({"MINE": True, "B": "a=b\n$(id)"}, "true:a=b\n$(id)"),
    ],
)
def test_variables_are_set_there(sshd: Any, env: Any, expected: str) -> None:
    step = {**sshd.step('printf %s "$MINE:$B"', shell="sh", env=env), "env": [{"MINE": "x y"}]}
    step["command"] = 'printf \'%s:%s\' "$(printenv MINE)" "$(printenv B)"'
    assert out(step) == expected


def test_a_variable_the_step_does_not_have(sshd: Any) -> None:
    result = run(sshd.step("true", env=["NO_SUCH_VARIABLE"]))
    assert result.status == "failed" and "no variable NO_SUCH_VARIABLE" in result.step.error


def test_the_value_of_a_variable_is_in_no_argument_there(sshd: Any) -> None:
    secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
    line = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c sword[f]ish"
    step = sshd.step(line, shell="sh", env=["TOKEN"])
    result = run(step, dag={"secrets": secrets}, environ={"SOURCE": "swordfish-0042"})
    assert (result.stdout, result.outcome.exit_code) == (b"0\n", 1)


# -- settings of the DAG -------------------------------------------------------------------------


def test_ssh_of_the_dag_makes_every_plain_step_an_ssh_step(sshd: Any) -> None:
    dag = {"ssh": sshd.config(shell="sh")}
    assert out({"command": "echo over $SSH_CONNECTION | cut -c1-14"}, dag=dag) == "over 127.0.0.1\n"
    assert out({"command": "echo ${SSH_CONNECTION:-here}", "type": "command"}, dag=dag) == "here\n"


def test_a_config_with_a_host_replaces_the_dags_ssh_entirely(sshd: Any) -> None:
    dag = {"ssh": {"host": "127.0.0.1", "port": 1, "user": "nobody", "env": ["NO_SUCH_VARIABLE"]}}
    assert out(sshd.step("echo here"), dag=dag) == "here\n"


def test_a_config_without_a_host_is_laid_over_it(sshd: Any) -> None:
    dag = {"ssh": sshd.config(env={"A": "dag", "B": "dag"})}
    assert out({"command": "printenv A", "config": {"env": {"A": "step"}}}, dag=dag) == "step\n"


@pytest.mark.parametrize("level", ["dag", "step"])
def test_files_of_the_log_in_begin_at_the_folder_of_the_dag(sshd: Any, tmp_path: Path, level: str) -> None:
    config = sshd.config(key=sshd.key.name, knownHostFile=f"./{sshd.known_hosts.name}")
    step = {"command": "echo in", "workingDir": str(tmp_path)}
    dag: dict[str, Any] = {"workingDir": str(sshd.folder)}
    if level == "dag":
        dag["ssh"] = config
    else:
        step |= {"type": "ssh", "config": config}
    assert out(step, dag=dag) == "in\n"


def test_ip_beats_host_and_a_port_may_be_text(sshd: Any) -> None:
    assert out(sshd.step("echo a", host="no.such.host.invalid", ip="127.0.0.1", port=str(sshd.port))) == "a\n"
    legacy = {"executor": {"type": "ssh", "config": sshd.config(host=None, ip="127.0.0.1")}}
    assert out({**legacy, "command": "echo b"}) == "b\n"


def test_values_of_the_run_in_the_config(sshd: Any) -> None:
    step = sshd.step("echo a", host="${HOST}", port="${PORT}", strictHostKey="${STRICT}")
    params = f"HOST=127.0.0.1 PORT={sshd.port} STRICT=true"
    assert out(step, dag={"params": params}) == "a\n"


def test_nothing_to_do_and_nowhere_to_do_it(sshd: Any) -> None:
    assert "nothing to do" in run(sshd.step()).step.error
    assert "has no host" in run({"type": "ssh", "command": "true", "config": {"user": "a"}}).step.error


def test_ssh_of_the_base_config_is_inherited(sshd: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "base.yaml").write_text(json.dumps({"ssh": sshd.config(shell="sh")}), "utf-8")
    file = tmp_path / "one.yaml"
    steps = [{"command": "echo ${SSH_CONNECTION%% *}", "stdout": str(tmp_path / "out")}]
    file.write_text(json.dumps({"steps": steps}), "utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DAGU_HOME": str(home)}
    command = [sys.executable, "-m", "dagu_core", "start", str(file)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out").read_text("utf-8") == "127.0.0.1\n"
