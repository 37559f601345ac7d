"""Engines that die: each test carries the number of its row in the catalogue of faults."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from dagu_core.model.run.events import AttemptStarted, RunRecovered, RunStarted
from dagu_core.model.status import RunStatus, StepStatus
from tests.faults.chaos import FULL, Home, kill, kill_everything, within

DAY = 86_400
SLEEPY = """
    name: sleepy
    handlerOn:
      exit: {command: mark end}
    steps:
      - {name: one, command: mark start; mark end}
      - {name: two, depends: one, output: OUT,
         command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; echo $$; mark end"}
      - {name: three, command: "mark start; echo got $OUT; mark end", depends: two}
"""


def crash_in_second_step(home: Home, *words: str, text: str = SLEEPY, run_id: str = "r") -> None:
    dag = home.write("sleepy", text)
    process = home.begin("start", f"--run-id={run_id}", dag, *words)
    within(10, lambda: "two" in home.ledger.steps())
    kill(process)


def go(home: Home) -> None:
    (home.root / "go").touch()


def test_P01_a_step_outlives_its_engine_and_the_run_is_taken_over(home: Home) -> None:
    crash_in_second_step(home)
    shown = home.cli("status", "sleepy")
    assert shown.code == 0 and "process lost" in shown.out
    recovering = home.begin("recover")
    within(10, lambda: any(isinstance(event, RunRecovered) for event in home.events("sleepy")))
    go(home)
    assert recovering.wait(20) == 0
    stored = home.stored("sleepy")
    assert stored.summary.status is RunStatus.SUCCEEDED and stored.summary.recoveries == 1
    assert home.ledger.steps() == ["one", "two", "three"]
    assert home.ledger.steps("end") == ["one", "two", "three", "onExit"]
    assert stored.steps["two"].output and stored.steps["two"].output.isdigit()
    assert Path(stored.steps["three"].stdout).read_text() == f"got {stored.steps['two'].output}\n"
    home.ledger.check(stored)
    assert home.locks() == []


def test_P01_a_step_that_ended_meanwhile_keeps_its_result_and_its_log(home: Home) -> None:
    crash_in_second_step(home)
    go(home)
    within(10, lambda: home.ledger.steps("end") == ["one", "two"])
    within(5, lambda: not home.orphans())
    assert home.cli("recover").code == 0
    stored = home.stored("sleepy")
    home.ledger.check(stored)
    assert [stored.steps[name].attempts for name in ("one", "two", "three")] == [1, 1, 1]
    assert Path(stored.steps["two"].stdout).read_text().strip() == stored.steps["two"].output


@pytest.mark.parametrize("verb", ["recover", "retry"])
def test_P01_a_step_that_failed_meanwhile_fails_with_its_own_words(home: Home, verb: str) -> None:
    text = """
        name: sleepy
        handlerOn: {failure: {command: mark end}}
        steps:
          - {name: one, command: "true"}
          - {name: two, depends: one,
             command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; echo alas >&2; exit 3"}
    """
    crash_in_second_step(home, text=text)
    go(home)
    within(5, lambda: not home.orphans())
    words = {"recover": ("recover",), "retry": ("retry", "--run-id=r", "sleepy")}[verb]
    assert home.cli(*words).code == 1
    stored = home.stored("sleepy")
    assert stored.summary.status is RunStatus.FAILED
    assert (stored.steps["two"].exit_code, stored.steps["two"].error.splitlines()[-1]) == (3, "alas")
    # `retry` settles what was left, and only then tries the failed step again.
    assert home.ledger.steps().count("two") == (2 if verb == "retry" else 1)


def test_P01_a_step_begun_ahead_of_its_record_fails_with_its_own_words(home: Home) -> None:
    """The supervisor has begun the second step, the engine dies before that is on record."""
    text = """
        name: sleepy
        steps:
          - {name: one, command: mark start; mark end}
          - {name: two, depends: one,
             command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; echo alas >&2; exit 3"}
    """
    crash = {"DAGU_FAILPOINTS": "store.commit.before=kill9@2"}
    engine = home.begin("start", "--run-id=r", home.write("sleepy", text), env=crash)
    assert engine.wait(20) == -signal.SIGKILL
    assert "two" not in home.stored("sleepy").steps
    within(10, lambda: "two" in home.ledger.steps())
    go(home)
    within(5, lambda: not home.orphans())
    assert home.cli("recover").code == 1
    two = home.stored("sleepy").steps["two"]
    assert (two.attempts, two.exit_code, two.error.splitlines()[-1]) == (1, 3, "alas")
    assert home.ledger.steps() == ["one", "two"]


def test_P02_looking_at_a_lost_run_changes_nothing(home: Home) -> None:
    crash_in_second_step(home)
    before = home.stored("sleepy")
    for words in (("status", "sleepy"), ("history",), ("why", "sleepy"), ("status", "--json", "sleepy")):
        assert home.cli(*words).code == 0
        assert home.stored("sleepy") == before
    go(home)
    assert home.cli("recover").code == 0


@pytest.mark.parametrize("days", [1, 40, 400])
def test_P03_the_age_of_a_run_plays_no_role(home: Home, days: int) -> None:
    crash_in_second_step(home)
    ago = time.time() - days * DAY

    async def age(app: object) -> None:
        store = app.store  # type: ignore[attr-defined]
        from dagu_core.contracts.store import Change
        from dagu_core.model.run.run import RunRef

        summary = (await store.load(RunRef("sleepy", "r"))).summary
        summary.created_at = summary.started_at = ago
        await store.commit(Change(summary))

    home.ask(age)
    for path in home.path.glob("data/*.db"):
        with sqlite3.connect(path) as db:
            db.execute("UPDATE runs SET created_at = ?", (ago,))
        db.close()
    os.utime(next((home.path / "data" / "engines").iterdir()), (ago, ago))
    go(home)
    assert home.cli("recover").code == 0
    assert home.status("sleepy") == "succeeded"
    home.ledger.check(home.stored("sleepy"))


@pytest.mark.parametrize("after", [0, 1, 5] if FULL else [0, 1])
def test_P04_a_retry_settles_the_old_attempt_first(home: Home, after: float) -> None:
    crash_in_second_step(home)
    time.sleep(after)
    retrying = home.begin("retry", "--run-id=r", "sleepy")
    within(10, lambda: home.stored("sleepy").summary.recoveries == 1)
    refused = home.cli("retry", "--run-id=r", "sleepy")
    assert refused.code == 4 and "running already" in refused.err
    go(home)
    assert retrying.wait(20) == 0
    assert home.ledger.steps() == ["one", "two", "three"]
    home.ledger.check(home.stored("sleepy"))


@pytest.mark.parametrize("policy", ["fail", "retry"])
def test_P06_when_the_steps_died_too_their_policy_decides(home: Home, policy: str) -> None:
    text = f"""
        name: sleepy
        handlerOn: {{failure: {{command: mark end}}, success: {{command: mark end}}}}
        steps:
          - {{name: one, command: "true"}}
          - {{name: two, depends: one, onCrash: {policy},
             command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; mark end"}}
    """
    crash_in_second_step(home, text=text)
    kill_everything(home)
    go(home)
    done = home.cli("recover")
    stored = home.stored("sleepy")
    home.ledger.check(stored)
    two = stored.steps["two"]
    if policy == "fail":
        assert done.code == 1 and stored.summary.status is RunStatus.FAILED
        assert two.error == "lost: machine or all processes ended" and two.exit_code is None
        assert home.ledger.steps("end") == ["onFailure"]
    else:
        assert done.code == 0 and two.status is StepStatus.SUCCEEDED and two.attempts == 2
        assert home.ledger.steps("end") == ["two", "onSuccess"]


CHILD = """
name: parent
handlerOn: {exit: {command: mark end}}
steps:
  - {name: before, command: "mark start; mark end"}
  - {name: call, call: child, output: SUM, depends: before}
  - {name: after, command: "mark start; echo ${SUM.outputs.OUT}; mark end", depends: call}
---
name: child
steps:
  - {name: c1, command: "mark start; mark end"}
  - {name: c2, command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; echo value; mark end",
     output: OUT, depends: c1}
  - {name: c3, command: "mark start; mark end", depends: c2}
"""


@pytest.mark.parametrize("ended", [True, False])
def test_P24_a_sub_dag_run_is_adopted_with_its_parent(home: Home, ended: bool) -> None:
    process = home.begin("start", "--run-id=r", home.write("parent", CHILD))
    within(10, lambda: "c2" in home.ledger.steps())
    kill(process)
    assert len(home.running()) == 2
    if ended:
        go(home)
        within(5, lambda: not home.orphans())
    recovering = home.begin("recover")
    within(10, lambda: home.stored("parent").summary.recoveries == 1)
    go(home)
    assert recovering.wait(20) == 0
    assert {run.status for run in home.runs()} == {RunStatus.SUCCEEDED} and len(home.runs()) == 2
    assert home.ledger.steps() == ["before", "c1", "c2", "c3", "after"]
    parent = home.stored("parent")
    assert Path(parent.steps["after"].stdout).read_text() == "value\n"
    home.ledger.check(parent)


@pytest.mark.parametrize("point", ["run.end.after", "run.end.before"])
def test_P24_the_true_result_of_a_child_that_failed_is_taken(home: Home, point: str) -> None:
    text = """
        name: parent
        steps: [{name: call, call: child}]
        ---
        name: child
        steps: [{name: c1, command: "mark start; exit 3"}]
    """
    dag = home.write("parent", text)
    fatal = {"DAGU_FAILPOINTS": f"{point}=kill9@1"}
    assert home.cli("start", "--run-id=r", dag, env=fatal).code == -signal.SIGKILL
    assert home.cli("recover").code == 1
    assert {run.status for run in home.runs()} == {RunStatus.FAILED}
    assert home.ledger.steps() == ["c1"]


def test_P01_the_instant_between_the_record_of_a_run_and_its_first_step_is_survived(home: Home) -> None:
    text = """
        name: early
        handlerOn: {exit: {command: mark end}}
        steps: [{name: one, command: mark start; mark end}]
    """
    fatal = {"DAGU_FAILPOINTS": "store.create.after=kill9"}
    assert home.cli("start", "--run-id=r", home.write("early", text), env=fatal).code == -signal.SIGKILL
    assert home.status("early") == "running"
    assert home.cli("recover").code == 0
    assert home.ledger.steps() == ["one"] and home.ledger.steps("end") == ["one", "onExit"]
    kinds = [type(event) for event in home.events("early")]
    assert kinds.count(RunStarted) == 1 and kinds.count(AttemptStarted) == 2
