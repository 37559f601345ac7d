"""Rows P20-P23 and P26: processes that kill each other, strangers, and what must be left of none."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

from dagu_core.engine.processes import Supervised, attach
from dagu_core.engine.status_file import Fate, Story
from dagu_core.model.status import StepStatus
from tests.faults.chaos import FULL, Home, kill, within


def all_started(home: Home, ids: list[str]) -> bool:
    return set(ids) <= {entry.run for entry in home.ledger.entries()}


def test_P20_a_step_that_kills_its_parent_hurts_nobody(home: Home) -> None:
    text = """
        name: murder
        type: graph
        handlerOn: {exit: {command: mark end}}
        steps:
          - {name: sibling, command: "mark start; sleep 1; mark end"}
          - {name: murderer, command: "mark start; sleep 0.3; kill -9 $PPID; sleep 0.3; mark end"}
          - {name: after, command: "mark start; mark end", depends: [sibling, murderer]}
    """
    assert home.cli("start", "--run-id=r", home.write("murder", text)).code == 0
    assert home.ledger.steps("end")[-2:] == ["after", "onExit"]
    home.ledger.check(home.stored("murder"))


def test_P20_a_step_that_kills_its_engine_is_taken_over(home: Home) -> None:
    text = """
        name: murder
        steps:
          - name: murderer
            command: "mark start; kill -9 $(head -n1 $DAGU_HOME/data/engines/*.lock); sleep 0.3; mark end"
          - {name: after, command: "mark start; mark end", depends: murderer}
    """
    assert home.cli("start", "--run-id=r", home.write("murder", text)).code == -signal.SIGKILL
    assert home.cli("recover").code == 0
    home.ledger.check(home.stored("murder"))
    assert home.ledger.steps() == ["murderer", "after"]


def test_P20_kill_0_ends_the_step_and_spares_its_siblings(home: Home) -> None:
    text = """
        name: murder
        type: graph
        steps:
          - {name: sibling, command: "mark start; sleep 0.5; mark end"}
          - {name: suicide, command: "mark start; kill 0; sleep 30"}
    """
    assert home.cli("start", "--run-id=r", home.write("murder", text)).code == 1
    steps = home.stored("murder").steps
    assert (steps["suicide"].status, steps["suicide"].exit_code) == (StepStatus.FAILED, 143)
    assert steps["sibling"].status is StepStatus.SUCCEEDED


def test_P21_the_pid_of_a_stranger_is_neither_awaited_nor_signalled(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    holder = subprocess.Popen(
        ["flock", "-x", str(tmp_path / "locked"), "sleep", "60"], start_new_session=True
    )
    try:
        unlocked = tmp_path / "unlocked"
        unlocked.write_text(f"starting\nstarted {stranger.pid}\n")
        locked = tmp_path / "locked"
        locked.write_text(f"starting\nstarted {stranger.pid}\n")

        async def test() -> None:
            story = await attach(str(unlocked), "sleepy:r/0.1")
            assert isinstance(story, Story) and story.fate is Fate.LOST
            await Supervised(str(unlocked), "sleepy:r/0.1", pid=stranger.pid).kill()
            found = await attach(str(locked), "sleepy:r/0.1")
            assert isinstance(found, Supervised)
            found.signal(signal.SIGKILL)
            waiting = asyncio.ensure_future(found.wait())
            await asyncio.sleep(0.1)
            holder.kill()
            os.killpg(holder.pid, signal.SIGKILL)
            ended = await asyncio.wait_for(waiting, 20)
            assert ended.exit_code is None

        within(5, lambda: subprocess.run(["flock", "-n", str(locked), "true"]).returncode == 1)
        asyncio.run(test())
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        holder.wait()


def test_P22_crash_upon_crash_leaves_no_process_and_no_lock(home: Home) -> None:
    text = "name: sleepy\nsteps:\n  - {name: two, command: 'mark start; sleep 0.8; mark end'}"
    count = 200 if FULL else 20
    dag = home.write("sleepy", text)
    for first in range(0, count, 5):
        ids = [f"r{number}" for number in range(first, first + 5)]
        begun = [home.begin("start", f"--run-id={run_id}", dag) for run_id in ids]
        within(20, partial(all_started, home, ids))
        for process in begun:
            kill(process)
    assert home.cli("recover", limit=100).code == 0
    assert home.locks() == [] and home.running() == []
    assert home.ledger.steps() == home.ledger.steps("end") == ["two"] * count
    assert not home.orphans()


def test_P23_a_run_that_kills_its_engine_is_given_up_after_three_recoveries(home: Home) -> None:
    text = "name: deadly\nsteps: [{name: one, command: mark start; sleep 300}]"
    fatal = {"DAGU_FAILPOINTS": "store.commit.after=kill9"}
    assert home.cli("start", "--run-id=r", home.write("deadly", text), env=fatal).code == -signal.SIGKILL
    for number in (1, 2, 3):
        assert home.cli("recover", env=fatal).code == -signal.SIGKILL
        assert home.stored("deadly").summary.recoveries == number
    done = home.cli("recover")
    assert done.code == 1 and home.status("deadly") == "failed"
    assert "recovery limit reached" in home.stored("deadly").summary.error
    assert "recovery limit reached" in home.cli("why", "deadly").out


def test_P26_no_zombie_is_left_when_a_step_has_ended(home: Home) -> None:
    many = 500 if FULL else 100
    text = f"""
        name: undead
        steps:
          - name: parents
            command: for i in $(seq {many}); do (sleep 0.1 & ) ; done; mark start; sleep 0.3
          - {{name: look, command: "sleep 0.3; mark start; sleep 1", depends: parents}}
    """
    process = home.begin("start", "--run-id=r", home.write("undead", text))
    within(20, lambda: "look" in home.ledger.steps())
    states = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
        except OSError:
            continue
        if stat[0] == b"Z" and int(stat[1]) in (process.pid, *home.orphans()):
            states.append(pid)
    assert states == []
    assert process.wait(20) == 0
