"""Row K08: a parameter that holds the value of a secret; steps get it, and nobody else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.secret_home import SECRET, VALUE, leaks
from tests.faults.step_home import StepHome, within

CHECK = 'test "$T" = "$TOK" && test "$L" = "<$TOK>" && test ${T} = ${TOK}'
PARAMS = ("--", f"T={VALUE}", f"L=<{VALUE}>", VALUE, "PLAIN=open")
#: a retry begins the shell line again, and must find what the first attempt found
FLOW = f"""{SECRET}params: T=none L=none PLAIN=none
steps:
  - {{name: same, command: '{CHECK} && echo "T is $T" && echo "$L" >&2'}}
  - {{name: again, command: "test -e again && {CHECK.replace('"', chr(92) + '"')}"}}
handlerOn:
  exit:
    env: [COPY: "${{T}}"]
    command: test "$COPY" = "$TOK" && echo "bye $COPY"
"""


def shown(here: StepHome, dag: str = "flow") -> list[str]:
    """Everything that commands say of the runs."""
    calls = [
        ("status", dag),
        ("status", dag, "--json"),
        ("status", dag, "--events"),
        ("history",),
        ("history", "--json"),
        ("history", "--format", "csv"),
        ("why", dag),
        ("doctor",),
    ]
    answers = [here.call(*words) for words in calls]
    return [text for done in answers for text in (done.out, done.err)]


def test_K08_a_parameter_equal_to_a_secret_is_nowhere_and_the_step_gets_it(vault: StepHome) -> None:
    (vault.root / "again").touch()
    done = vault.run(FLOW, *PARAMS)
    assert (done.code, leaks(vault, done.out, done.err, *shown(vault))) == (0, [])
    assert vault.details()["params"] == 'T="*******" L="<*******>" PLAIN=open *******=""'
    assert 'params="[T=******* L=<*******> PLAIN=open *******=]"' in vault.run_log()
    assert vault.log_of("same") == b"T is *******\n"
    assert vault.step("onExit")["statusLabel"] == "succeeded"


@pytest.mark.parametrize(
    "words", [("retry", "--run-id", "r1", "flow"), ("start", "flow", "--from-run-id", "r1")]
)
def test_K08_another_process_finds_the_true_value_again(vault: StepHome, words: tuple[str, ...]) -> None:
    assert vault.run(FLOW, *PARAMS).code == 1
    (vault.root / "again").touch()
    done = vault.call(*words)
    assert (done.code, leaks(vault, done.out, done.err, *shown(vault))) == (0, []), done.err


def test_K08_whoever_takes_a_dead_run_over_finds_the_true_value_again(vault: StepHome) -> None:
    text = f"{SECRET}params: T=none\nsteps:\n  - command: touch $DAG_READY; sleep 1\n  - command: '{CHECK}'\n"
    text = text.replace(' && test "$L" = "<$TOK>"', "")
    process = vault.begin("start", "--run-id", "r1", str(vault.write(text)), *PARAMS[:2])
    within(20, vault.is_running)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.communicate()
    done = vault.call("recover")
    assert (done.code, leaks(vault, done.out, done.err)) == (0, []), done.err
    assert vault.details()["statusLabel"] == "succeeded"


def test_K08_a_run_that_waits_in_a_queue_shows_nothing(vault: StepHome) -> None:
    (vault.root / "again").touch()
    assert vault.call("enqueue", "--run-id", "r1", str(vault.write(FLOW)), *PARAMS).code == 0
    assert leaks(vault, *shown(vault)) == []
    assert vault.call("start", "--queue", "flow", "--run-id", "r2", "flow.yaml", *PARAMS).code == 0
    assert leaks(vault, *shown(vault)) == []


CHILD = f"""
{SECRET}steps:
  - {{name: one, call: child, params: "P=${{TOK}} Q='x${{TOK}}y'", output: OUT}}
  - {{name: many, call: child, parallel: {{items: [{{Q: "${{TOK}}"}}, {{P: b, Q: "${{TOK}}"}}]}}}}
  - {{name: back, command: 'echo "${{OUT}}" | grep -c "\\"X\\": \\"$TOK\\""'}}
---
name: child
params: P=none Q=none
steps:
  - {{name: a, command: 'echo "$P"; echo "and $Q"; case "$Q" in *0ub*) ;; *) exit 7 ;; esac'}}
  - {{name: b, command: 'printf %s "$P"', output: X}}
  - {{name: c, command: 'test "$X" = "$P"; test -e again'}}
"""


def test_K08_a_child_gets_the_value_and_neither_run_shows_it(vault: StepHome) -> None:
    (vault.root / "again").touch()
    done = vault.run(CHILD)
    assert (done.code, leaks(vault, done.out, done.err, *shown(vault), *shown(vault, "child"))) == (0, [])
    assert vault.log_of("back") == b"1\n"
    nodes = vault.details()["nodes"]
    assert nodes[0]["subRuns"][0]["params"] == 'P="*******" Q="x*******y"'
    # Two items whose values differ only in a secret are two runs.
    assert len({run["dagRunId"] for run in nodes[1]["subRuns"]}) == 2


def test_K08_a_retried_parent_finds_its_children_and_they_their_values(vault: StepHome) -> None:
    assert vault.run(CHILD).code == 1
    (child,) = vault.details()["nodes"][0]["subRuns"]
    (vault.root / "again").touch()
    # On its own first: the value is a secret of the run above.
    done = vault.call("retry", "--run-id", child["dagRunId"], "child")
    assert (done.code, leaks(vault, done.out, done.err)) == (0, []), done.err
    done = vault.call("retry", "--run-id", "r1", "flow")
    assert (done.code, leaks(vault, done.out, done.err)) == (0, []), done.err
    assert vault.details()["nodes"][0]["subRuns"] == [child]


def test_K08_errors_about_parameters_do_not_quote_the_value(vault: StepHome) -> None:
    schema = "{type: object, properties: {T: {type: string, maxLength: 3}, N: {type: integer}}}"
    text = f"{SECRET}params: {{schema: {schema}, values: {{T: ok, N: 1}}}}\nsteps:\n  - command: 'true'"
    done = vault.run(text, "--", f"T={VALUE}", f"N={VALUE}")
    assert done.code == 1 and "T" in done.err
    assert leaks(vault, done.err, done.out) == []


def test_K08_a_value_that_cannot_be_had_again_ends_the_run_with_a_reason(vault: StepHome) -> None:
    assert vault.run(FLOW, *PARAMS).code == 1
    del vault.environ["MY_TOKEN"]
    done = vault.call("retry", "--run-id", "r1", "flow")
    assert done.code == 1
    assert "TOK" in vault.call("status", "flow").err + done.err
    # What was kept is kept: with the secret back, the next retry succeeds.
    vault.environ["MY_TOKEN"] = VALUE
    (vault.root / "again").touch()
    assert vault.call("retry", "--run-id", "r1", "flow").code == 0
    assert leaks(vault, *shown(vault)) == []


def test_K08_characters_that_mark_references_arrive_unchanged(vault: StepHome) -> None:
    odd = "\x1aTOK#0\x1a \x1a=#0\x1a \x1a"
    text = f'{SECRET}params: T=none\nsteps:\n  - command: printf %s "$T" | od -An -c > got; test -e again'
    assert vault.run(text, "--", f"T={odd}{VALUE}").code == 1
    first = (vault.root / "got").read_text()
    (vault.root / "again").touch()
    assert vault.call("retry", "--run-id", "r1", "flow").code == 0
    assert (vault.root / "got").read_text() == first
    assert first.count("032") == 5
    assert leaks(vault) == []


def test_K08_what_a_step_writes_itself_is_not_masked(vault: StepHome) -> None:
    """The promise ends where a program writes files of its own; the guarantees say so."""
    vault.home.mkdir()
    file = vault.home / "own"
    assert vault.run(f"{SECRET}steps:\n  - command: echo $TOK > {file}").code == 0
    assert leaks(vault) == [str(file)]


@pytest.mark.skipif(os.name != "posix", reason="POSIX shells")
def test_K08_nothing_of_a_killed_run_is_left_behind(vault: StepHome, tmp_path: Path) -> None:
    text = (
        f"{SECRET}params: T=none\nsteps:\n  - script: |\n      # ${{T}}\n      touch $DAG_READY; sleep 30\n"
    )
    process = vault.begin("start", "--run-id", "r1", str(vault.write(text)), *PARAMS[:2])
    within(20, vault.is_running)
    assert vault.call("stop", "flow").code == 0
    done = vault.end(process)
    assert (done.code, leaks(vault, done.out, done.err)) == (1, [])
