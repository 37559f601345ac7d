"""Kill the engine at any instant, take the run over, and count what the steps have written."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from dagu_core.base.failpoints import POINTS
from dagu_core.model.run.events import RunRecovered
from dagu_core.model.status import RunStatus
from tests.faults.chaos import FULL, Home, kill, within

SEED = int(os.environ.get("DAGU_SEED", "20300101"))
ROUNDS = 300 if FULL else 12
STEPS = 30
#: runs that are started and killed side by side
AT_ONCE = 6
EXIT = "  exit: {command: echo exit >> $DAG_ROOT/$DAG_RUN_ID}"


def thirty_steps() -> str:
    """Three lanes of ten steps; every step appends its name to a file named after the run."""
    lines = ["name: many", "type: graph", "handlerOn:", EXIT, "steps:"]
    for number in range(STEPS):
        lines += [
            f"  - name: s{number:02}",
            "    command: echo $DAG_RUN_STEP_NAME >> $DAG_ROOT/$DAG_RUN_ID",
            f"    depends: [{f's{number - 3:02}' if number > 2 else ''}]",
        ]
    return "\n".join(lines)


def written(home: Home, run_id: str) -> list[str]:
    path = home.root / run_id
    return path.read_text().split() if path.exists() else []


def killed_at_random(home: Home, chance: random.Random, calls: dict[str, list[str]]) -> int:
    """Start the commands at once, kill each soon after its run has written a number of lines drawn
    before; how many were at work then. The run "" stands for all runs."""
    waiting = {}
    for run_id, words in calls.items():
        lines = lines_of(home, run_id) + chance.randrange(STEPS)
        waiting[run_id] = (lines, chance.uniform(0.0, 0.02), home.begin(*words))
    early = 0
    while waiting:
        for run_id, (lines, pause, process) in list(waiting.items()):
            if process.poll() is not None or lines_of(home, run_id) >= lines:
                time.sleep(pause)
                early += process.poll() is None
                kill(process)
                del waiting[run_id]
        time.sleep(0.001)
    return early


def lines_of(home: Home, run_id: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in home.root.glob(f"{run_id or 'r*-*'}"))


@pytest.mark.timeout(3600 if FULL else 120)
def test_P22_kill_9_at_random_instants_loses_and_repeats_nothing(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    dag = home.write("many", thirty_steps())
    assert home.cli("start", "--run-id=undisturbed", dag).code == 0
    expected = sorted(written(home, "undisturbed"))
    assert len(expected) == STEPS + 1
    killed = recorded = recovered = 0
    for turn in range(ROUNDS // AT_ONCE):
        ids = [f"r{turn}-{number}" for number in range(AT_ONCE)]
        calls = {run_id: ["start", f"--run-id={run_id}", dag] for run_id in ids}
        killed += killed_at_random(home, chance, calls)
        for _ in range(chance.choice((0, 1, 2))):
            killed += killed_at_random(home, chance, {"": ["recover"]})
        assert home.cli("recover").code == 0
        for run_id, words in calls.items():
            story = f"seed {SEED}, run {run_id}"
            if not home.status("many", run_id):
                # Killed before it was accepted: nothing of it exists, the id is free.
                assert written(home, run_id) == [], story
                assert home.cli(*words).code == 0, story
            recorded += 1
            stored = home.stored("many", run_id)
            recovered += stored.summary.recoveries
            assert stored.summary.status is RunStatus.SUCCEEDED, story
            assert sorted(written(home, run_id)) == expected, story
            assert {step.attempts for step in stored.steps.values()} == {1}, story
    assert home.cli("recover").code == 0 and home.locks() == []
    within(5, lambda: not home.orphans())
    figures = f"{recorded} runs, {killed} engines killed at work, {recovered} recoveries"
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")
    assert recovered > ROUNDS / 4, "the kills came too early or too late to prove anything"


SWEPT = """
name: swept
type: graph
handlerOn:
  exit: {command: echo exit >> $DAG_ROOT/$DAG_RUN_ID}
steps:
  - {name: a, command: echo a >> $DAG_ROOT/$DAG_RUN_ID; echo 7, output: A}
  - {name: b, command: "echo b$A >> $DAG_ROOT/$DAG_RUN_ID", depends: [a]}
  - {name: c, call: below, depends: [a]}
  - name: d
    command: "[ -e $DAG_ROOT/r.d ] || { touch $DAG_ROOT/r.d; exit 1; }; echo d >> $DAG_ROOT/r"
    retryPolicy: {limit: 1, intervalSec: 0}
    depends: [a]
  - {name: e, command: echo e >> $DAG_ROOT/$DAG_RUN_ID, depends: [b, c, d]}
---
name: below
steps:
  - {name: c1, command: echo c1 >> $DAG_ROOT/r}
"""
EXPECTED = ["a", "b7", "c1", "d", "e", "exit"]


#: what the claim of a queued run passes is swept in test_dispatch: a run that is started has none
OF_A_START = [point for point in POINTS if not point.startswith("claim")]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", OF_A_START)
def test_S07_a_kill_at_every_hit_of_a_fail_point_changes_nothing_in_the_end(home: Home, point: str) -> None:
    dag = home.write("swept", SWEPT)
    verb = ("recover",) if point.startswith("adopt") else ("start", "--run-id=r", dag)
    hit, last = 0, -signal.SIGKILL
    while last == -signal.SIGKILL:
        hit += 1 if FULL or hit < 3 else 4
        forget(home)
        if verb[0] == "recover":
            crash = {"DAGU_FAILPOINTS": "store.commit.after=kill9@5"}
            first = home.cli("start", "--run-id=r", dag, env=crash)
            assert first.code == -signal.SIGKILL
        last = home.cli(*verb, env={"DAGU_FAILPOINTS": f"{point}=kill9@{hit}"}).code
        if not home.status("swept"):
            assert point == "store.create.before" and written(home, "r") == []
            continue
        assert home.cli("recover").code == 0, (point, hit)
        stored = home.stored("swept")
        assert stored.summary.status is RunStatus.SUCCEEDED, (point, hit)
        assert sorted(written(home, "r")) == EXPECTED, (point, hit)
        assert stored.steps["d"].attempts == 2 and stored.steps["d"].retry_count == 1, (point, hit)
        assert all(run.status is RunStatus.SUCCEEDED for run in home.runs()), (point, hit)
        home.ledger.check(stored)
    assert last == 0 and hit > 1


def forget(home: Home) -> None:
    """Begin again with an empty home."""
    within(5, lambda: not home.orphans())
    shutil.rmtree(home.path, ignore_errors=True)
    for path in home.root.glob("r*"):
        path.unlink()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "point", ["adopt.after", "store.commit.before", "store.commit.after", "spawn.before", "spawn.after"]
)
def test_S07_a_kill_during_the_recovery_changes_nothing_either(home: Home, point: str) -> None:
    dag = home.write("swept", SWEPT)
    for hit in range(1, 12, 1 if FULL else 4):
        forget(home)
        assert home.cli("start", "--run-id=r", dag, env={"DAGU_FAILPOINTS": "spawn.after=kill9@2"}).code < 0
        killed = home.cli("recover", env={"DAGU_FAILPOINTS": f"{point}=kill9@{hit}"}).code
        assert home.cli("recover").code == 0, (point, hit)
        stored = home.stored("swept")
        assert stored.summary.status is RunStatus.SUCCEEDED, (point, hit)
        assert sorted(written(home, "r")) == EXPECTED, (point, hit)
        recoveries = [event for event in home.events("swept") if isinstance(event, RunRecovered)]
        assert len(recoveries) == stored.summary.recoveries
        if killed == 0:
            break


def test_every_fail_point_there_is_stands_somewhere_in_the_code() -> None:
    root = Path(__file__).parents[2] / "dagu_core"
    text = "\n".join(
        path.read_text() for floor in ("engine", "service") for path in (root / floor).glob("*.py")
    )
    used = set(re.findall(r'"([a-z]+(?:\.[a-z]+)+)"', text))
    assert set(POINTS) <= used
