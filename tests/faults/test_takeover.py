"""The seams of a takeover: what exactly the dead engine had done, and what the next one makes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from dagu_core.engine.liveness import host_name
from dagu_core.engine.supervisor import SILENCE
from dagu_core.model.run.events import AttemptStarted
from dagu_core.model.run.run import RunRef
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus
from tests.faults.chaos import Home, command_of, freeze, kill, thaw, within

WAITING = "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; mark end"


def waiting_then_another(name: str) -> str:
    """Step `a` waits to be let go, `b` follows it."""
    steps = f'[{{name: a, command: "{WAITING}"}}, {{name: b, command: mark start; mark end}}]'
    return f"name: {name}\nsteps: {steps}"


def killed_at(home: Home, point: str, dag: str) -> None:
    done = home.cli("start", "--run-id=r", dag, env={"DAGU_FAILPOINTS": f"{point}=kill9"})
    assert done.code == -signal.SIGKILL, done


def supervisors(home: Home) -> list[int]:
    return [pid for pid in home.orphans() if "engine.supervisor" in command_of(pid)]


def test_P01_an_unmet_precondition_is_heeded_after_a_crash_before_the_start(home: Home) -> None:
    text = """
        name: choosy
        steps:
          - name: a
            command: mark start
            preconditions: [{condition: "false"}]
    """
    killed_at(home, "attempt.started", home.write("choosy", text))
    assert home.cli("recover").code == 0
    assert home.stored("choosy").steps["a"].status is StepStatus.SKIPPED
    assert home.ledger.steps() == []


def test_P01_a_precondition_is_not_asked_again_once_the_step_runs(home: Home) -> None:
    text = f"""
        name: choosy
        steps:
          - name: a
            command: "{WAITING}"
            preconditions: [{{condition: "test ! -e $DAG_ROOT/go"}}]
    """
    process = home.begin("start", "--run-id=r", home.write("choosy", text))
    within(10, home.ledger.steps)
    kill(process)
    (home.root / "go").touch()
    assert home.cli("recover").code == 0
    assert home.stored("choosy").steps["a"].status is StepStatus.SUCCEEDED


def test_P01_a_timeout_goes_on_counting_while_no_engine_lives(home: Home) -> None:
    text = "name: late\nsteps: [{name: a, command: mark start; sleep 60, timeoutSec: 2}]"
    process = home.begin("start", "--run-id=r", home.write("late", text))
    within(10, home.ledger.steps)
    kill(process)
    time.sleep(2)
    began = time.monotonic()
    assert home.cli("recover").code == 1
    assert time.monotonic() - began < 2
    step = home.stored("late").steps["a"]
    assert (step.exit_code, step.reason) == (124, "step_timed_out")
    assert not home.orphans()


def test_P06_a_step_whose_supervisor_died_is_awaited_and_not_started_again(home: Home) -> None:
    text = f'name: alone\nsteps: [{{name: a, command: "{WAITING}"}}]'
    process = home.begin("start", "--run-id=r", home.write("alone", text))
    within(10, home.ledger.steps)
    (supervisor,) = supervisors(home)
    kill(process)
    os.kill(supervisor, signal.SIGKILL)
    recovering = home.begin("recover")
    within(10, lambda: home.stored("alone").summary.recoveries)
    time.sleep(0.5)
    assert recovering.poll() is None and home.ledger.steps() == ["a"]
    (home.root / "go").touch()
    assert recovering.wait(10) == 1
    step = home.stored("alone").steps["a"]
    assert step.reason == "lost" and step.exit_code is None
    assert home.ledger.steps("end") == ["a"]


def test_P01_an_order_in_the_pipe_of_a_dead_engine_is_carried_out_once(home: Home) -> None:
    dag = home.write("twice", waiting_then_another("twice"))
    slow = {"DAGU_FAILPOINTS": "store.create.after=sleep(1.5)"}
    process = home.begin("start", "--run-id=r", dag, env=slow)
    (supervisor,) = within(10, lambda: supervisors(home))
    within(10, lambda: home.status("twice"))
    time.sleep(0.5)
    os.kill(supervisor, signal.SIGSTOP)
    within(10, lambda: any(isinstance(event, AttemptStarted) for event in home.events("twice")))
    time.sleep(0.3)
    kill(process)
    recovering = home.begin("recover")
    within(10, home.ledger.steps)
    os.kill(supervisor, signal.SIGCONT)
    within(10, lambda: supervisor not in home.orphans())
    assert home.ledger.steps() == ["a"]
    (home.root / "go").touch()
    assert recovering.wait(20) == 0
    assert home.ledger.steps() == ["a", "b"]
    home.ledger.check(home.stored("twice"))


def test_P13_a_thawed_engine_that_lost_its_run_starts_nothing_and_harms_nothing(home: Home) -> None:
    process = home.begin("start", "--run-id=r", home.write("frozen", waiting_then_another("frozen")))
    within(10, home.ledger.steps)
    freeze(process)
    # A lease passes on after 15 s; its supervisor begins nothing by itself after SILENCE.
    time.sleep(2 * SILENCE)
    ref = RunRef("frozen", "r")
    home.ask(lambda app: app.store.adopt(ref, fence=1, engine="another", host=host_name()))
    thaw(process)
    (home.root / "go").touch()
    assert process.wait(10) == 5
    assert home.ledger.steps() == ["a"] == home.ledger.steps("end")
    assert home.cli("recover").code == 0
    assert home.ledger.steps() == ["a", "b"]
    home.ledger.check(home.stored("frozen"))


def test_P13_a_run_that_was_taken_away_keeps_its_running_step(home: Home) -> None:
    text = f"""
        name: taken
        type: graph
        steps:
          - {{name: a, command: "{WAITING}"}}
          - {{name: quick, command: "mark start; while [ ! -e $DAG_ROOT/soon ]; do sleep 0.05; done"}}
    """
    process = home.begin("start", "--run-id=r", home.write("taken", text))
    within(10, lambda: len(home.ledger.steps()) == 2)
    ref = RunRef("taken", "r")
    home.ask(lambda app: app.store.adopt(ref, fence=1, engine="another", host=host_name()))
    (home.root / "soon").touch()
    assert process.wait(10) == 5
    assert home.orphans(), "the step was killed"
    (home.root / "go").touch()
    assert home.cli("recover").code == 0
    assert sorted(home.ledger.steps()) == ["a", "quick"] and home.ledger.steps("end") == ["a"]


def test_P36_stopping_a_dead_run_starts_no_further_step(home: Home) -> None:
    text = f"""
        name: halted
        handlerOn: {{abort: {{command: mark abort}}}}
        steps: [{{name: a, command: "{WAITING}"}}, {{name: b, command: mark start}}]
    """
    process = home.begin("start", "--run-id=r", home.write("halted", text))
    within(10, home.ledger.steps)
    kill(process)
    (home.root / "go").touch()
    within(10, lambda: not home.orphans())
    assert home.cli("stop", "--run-id=r", "halted").code == 0
    assert home.status("halted") == "aborted"
    assert [entry.what for entry in home.ledger.entries()] == ["start", "end", "abort"]


def test_P37_a_stop_that_came_too_late_does_not_stop_a_retry(home: Home) -> None:
    steps = "[{name: a, command: mark start; sleep 1.5; mark end; exit 1}]"
    dag = home.write("late", f"name: late\nsteps: {steps}")
    assert home.cli("start", "--run-id=r", dag).code == 1
    signal_ = StopSignal(time.time(), "user")
    home.ask(lambda app: app.store.leave_signal(RunRef("late", "r"), signal_))
    assert home.cli("retry", "--run-id=r", "late").code == 1
    assert home.status("late") == "failed" and home.ledger.steps("end") == ["a", "a"]


def test_P32_a_program_that_cleared_its_environment_is_stopped_and_found_again(home: Home) -> None:
    text = """
        name: bare
        handlerOn: {abort: {command: mark abort}}
        steps: [{name: a, exec: [env, -i, /bin/sh, -c, "while :; do /bin/sleep 0.1; done"]}]
    """
    before = set(_shells())
    process = home.begin("start", "--run-id=r", home.write("bare", text))
    within(10, lambda: set(_shells()) - before)
    kill(process)
    assert home.cli("stop", "--run-id=r", "bare").code == 0
    assert home.status("bare") == "aborted" and not set(_shells()) - before


def _shells() -> list[int]:
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if command_of(pid).startswith("/bin/sh -c while :; do /bin/sleep 0.1")]


def test_S07_status_files_of_an_ended_attempt_do_not_speak_for_the_next(home: Home) -> None:
    """The engine dies between the end of the run and its tidying up; then the run is retried."""
    text = """
        name: again
        steps: [{name: a, command: "mark start; [ ! -e $DAG_ROOT/go ] && exit 1; sleep 0.5; mark end"}]
    """
    killed_at(home, "run.end.after", home.write("again", text))
    assert home.status("again") == "failed" and list((home.path / "data" / "work").iterdir())
    (home.root / "go").touch()
    retrying = home.begin("retry", "--run-id=r", "again")
    within(10, lambda: len(home.ledger.steps()) == 2)
    kill(retrying)
    assert home.cli("recover").code == 0
    assert home.status("again") == "succeeded" and home.ledger.steps("end") == ["a"]
    assert not list((home.path / "data" / "work").iterdir()) and home.locks() == []


@pytest.mark.parametrize("point", ["store.commit.after=kill9@2", "spawn.after=kill9", "run.end.before=kill9"])
def test_P04_a_retry_that_crashes_is_taken_over_as_a_retry(home: Home, point: str) -> None:
    text = """
        name: again
        steps:
          - {name: a, command: mark start; mark end}
          - {name: b, command: "mark start; [ -e $DAG_ROOT/go ] && mark end", depends: a}
          - {name: c, command: mark start; sleep 0.2; mark end, depends: b}
    """
    assert home.cli("start", "--run-id=r", home.write("again", text)).code == 1
    (home.root / "go").touch()
    assert home.cli("retry", "--run-id=r", "again", env={"DAGU_FAILPOINTS": point}).code < 0
    assert home.cli("recover").code == 0
    assert home.ledger.steps() == ["a", "b", "b", "c"] and home.status("again") == "succeeded"


def test_P24_two_recoveries_at_once_do_not_tear_a_family_apart(home: Home) -> None:
    text = f"""
        name: parent
        steps: [{{name: call, call: child}}]
        ---
        name: child
        steps: [{{name: c, command: "{WAITING}"}}]
    """
    process = home.begin("start", "--run-id=r", home.write("parent", text))
    within(10, home.ledger.steps)
    kill(process)
    slow = home.begin("recover", env={"DAGU_FAILPOINTS": "adopt.after=sleep(1)"})
    within(10, lambda: home.stored("parent").summary.fence == 2)
    assert home.cli("recover").code == 0
    (home.root / "go").touch()
    assert slow.wait(20) == 0
    assert {run.status for run in home.runs()} == {RunStatus.SUCCEEDED}
    assert {run.recoveries for run in home.runs()} == {1}
    assert home.ledger.steps() == ["c"] == home.ledger.steps("end")


def test_P01_the_log_of_a_run_goes_on_under_its_next_engine(home: Home) -> None:
    text = f'name: told\nsteps: [{{name: a, command: "{WAITING}"}}]'
    process = home.begin("start", "--run-id=r", home.write("told", text))
    within(10, home.ledger.steps)
    kill(process)
    (home.root / "go").touch()
    assert home.cli("recover").code == 0
    log = Path(home.stored("told").summary.log).read_text()
    assert [log.count(words) for words in ("taken over", "Step finished", "run finished")] == [1, 1, 1]


def test_S05_a_run_whose_definition_is_gone_does_not_keep_others_from_recovery(home: Home) -> None:
    dags = [home.write(name, f'name: {name}\nsteps: [{{name: a, command: "{WAITING}"}}]') for name in "xy"]
    processes = [home.begin("start", "--run-id=r", dag) for dag in dags]
    within(10, lambda: len(home.ledger.steps()) == 2)
    for process in processes:
        kill(process)
    for path in home.path.glob("data/*.db"):
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("DELETE FROM definitions WHERE body LIKE '%name: x%'")
    (home.root / "go").touch()
    done = home.cli("recover")
    assert done.code != 0 and "is not stored" in done.err
    assert (home.status("x"), home.status("y")) == ("failed", "succeeded")
    assert sorted(home.ledger.steps("end")) == ["a", "a"]
