"""Steps of a chain begin before the engine has recorded the one before: what the record says is
what happened all the same."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from dagu_core.model.status import RunStatus
from tests.faults.chaos import FULL, Home, command_of, kill, within

STEPS = 400


def chain(home: Home, *, failing: int = -1) -> str:
    lines = [
        f"  - {{name: s{n}, command: 'echo s{n} >> $DAG_ROOT/told{'; exit 3' if n == failing else ''}'}}"
        for n in range(STEPS)
    ]
    return home.write("chain", "steps:\n" + "\n".join(lines))


def told(home: Home) -> list[str]:
    path = home.root / "told"
    return path.read_text().split() if path.exists() else []


def check_the_record(home: Home) -> None:
    """Each step ran once and in order, and exactly those ran whose start is on record."""
    assert told(home) == [f"s{n}" for n in range(len(told(home)))]
    steps = home.stored("chain").steps
    begun = {name for name, step in steps.items() if step.attempts}
    assert set(told(home)) <= begun
    # A step that was stopped may not have come to writing its line.
    assert len(begun - set(told(home))) <= 1


@pytest.mark.parametrize("how", ["stop", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("seed", range(6 if FULL else 2))
def test_P09_a_stop_in_a_fast_chain_is_recorded_as_it_happened(home: Home, how: str, seed: int) -> None:
    process = home.begin("start", "-q", "--run-id=r", chain(home))
    within(10, lambda: len(told(home)) > 3)
    time.sleep(random.Random(seed).uniform(0.0, 0.2))
    if how == "stop":
        assert home.cli("stop", "-r", "r", "chain").code == 0
    else:
        process.send_signal(getattr(signal, how))
    process.wait(20)
    check_the_record(home)
    if len(told(home)) < STEPS:
        assert home.stored("chain").summary.status is RunStatus.ABORTED


def test_a_failure_in_a_fast_chain_stops_it_there(home: Home) -> None:
    assert home.cli("start", "-q", "--run-id=r", chain(home, failing=57)).code == 1
    check_the_record(home)
    assert told(home)[-1] == "s57"
    assert home.stored("chain").steps["s57"].exit_code == 3


@pytest.mark.parametrize("seed", range(12 if FULL else 4))
def test_P01_a_kill_in_a_fast_chain_repeats_and_loses_nothing(home: Home, seed: int) -> None:
    process = home.begin("start", "-q", "--run-id=r", chain(home))
    within(10, lambda: len(told(home)) > 3)
    time.sleep(random.Random(seed).uniform(0.0, 0.2))
    kill(process)
    assert home.cli("recover").code == 0
    check_the_record(home)
    assert len(told(home)) == STEPS


def test_P20_a_supervisor_killed_in_a_fast_chain(home: Home) -> None:
    process = home.begin("start", "-q", "--run-id=r", chain(home))
    within(10, lambda: len(told(home)) > 3)
    for pid in home.orphans():
        if "engine.supervisor" in command_of(pid):
            os.kill(pid, signal.SIGKILL)
    code = process.wait(20)
    check_the_record(home)
    # The step at work then may have ended unseen: lost, and the run failed with that.
    assert code == 0 or "lost" in str([step.error for step in home.stored("chain").steps.values()])


def test_a_step_waits_for_what_the_one_before_has_left_in_the_background(home: Home) -> None:
    text = """
        steps:
          - {name: a, command: "(sleep 0.4; echo late >> $DAG_ROOT/told) & echo a >> $DAG_ROOT/told"}
          - {name: b, command: "echo b >> $DAG_ROOT/told"}
    """
    assert home.cli("start", "-q", "--run-id=r", home.write("chain", text)).code == 0
    assert told(home) == ["a", "late", "b"]


def test_logs_removed_between_two_steps_are_made_anew(home: Home) -> None:
    text = """
        steps:
          - {name: a, command: "rm -r $(dirname $DAG_RUN_STEP_STDOUT_FILE)"}
          - {name: b, command: "echo b"}
    """
    assert home.cli("start", "-q", "--run-id=r", home.write("chain", text)).code == 0
    with open(home.stored("chain").steps["b"].stdout) as log:
        assert log.read() == "b\n"


def test_full_durability_records_each_start_before_it_happens(home: Home) -> None:
    home.path.mkdir()
    (home.path / "config.yaml").write_text("durability: full\n")
    fatal = {"DAGU_FAILPOINTS": "attempt.started=kill9@5"}
    dag = chain(home)
    assert home.cli("start", "-q", "--run-id=r", dag, env=fatal).code == -signal.SIGKILL
    within(5, lambda: not home.orphans())
    assert len(told(home)) == 4
    assert home.cli("recover").code == 0
    check_the_record(home)
