"""Signals to the engine, limits on its steps, stops that race: numbers of the rows in the names."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from dagu_core.model.run.events import RunEnded, StopRequested
from dagu_core.model.run.index import MARKS
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus, StepStatus
from tests.faults.chaos import FULL, Home, kill, within

#: `code` is what the step exits with when it is told to stop
TRAPPING = """
name: trapping
handlerOn:
  abort: {{command: mark abort}}
  exit: {{command: mark exit}}
steps:
  - name: one
    command: |
      trap 'echo told; exit {code}' TERM INT
      mark start
      while :; do sleep 0.02; done
  - {{name: two, command: mark start, depends: one}}
"""


def begin_trapping(home: Home, code: int = 3, **options: object) -> subprocess.Popen[str]:
    dag = home.write("trapping", TRAPPING.format(code=code))
    process = home.begin("start", "--run-id=r", dag, **options)  # type: ignore[arg-type]
    within(10, lambda: home.ledger.steps() == ["one"])
    return process


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    ("row", "name"), [("P09", "SIGTERM"), ("P10", "SIGINT"), ("P11", "SIGHUP"), ("P12", "SIGQUIT")]
)
def test_P09_P10_P11_P12_a_signal_stops_the_run_in_order(home: Home, row: str, name: str, code: int) -> None:
    process = begin_trapping(home, code)
    began = time.monotonic()
    process.send_signal(getattr(signal, name))
    assert process.wait(10) == 1
    assert time.monotonic() - began < 4
    stored = home.stored("trapping")
    assert stored.summary.status is RunStatus.ABORTED
    assert stored.steps["one"].status is StepStatus.ABORTED
    assert "two" not in stored.steps or stored.steps["two"].status is StepStatus.NOT_STARTED
    assert [entry.what for entry in home.ledger.entries()] == ["start", "abort", "exit"]
    log = Path(stored.summary.log).read_text()
    assert ("most recent call first" in log) == (row == "P12")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_P10_a_second_signal_kills_and_skips_the_handlers(home: Home, name: str) -> None:
    text = """
        name: deaf
        maxCleanUpTimeSec: 60
        handlerOn: {exit: {command: mark exit}, abort: {command: mark exit}}
        steps:
          - name: one
            command: trap '' TERM INT; mark start; while :; do sleep 0.05; done
    """
    process = home.begin("start", "--run-id=r", home.write("deaf", text))
    within(10, lambda: home.ledger.steps() == ["one"])
    number = getattr(signal, name)
    process.send_signal(number)
    within(5, lambda: any(isinstance(event, StopRequested) for event in home.events("deaf")))
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert time.monotonic() - began < 2
    assert home.status("deaf") == "aborted" and not home.orphans()
    assert [entry.what for entry in home.ledger.entries()] == ["start"]


def test_P10_a_signal_that_comes_early_is_not_forgotten(home: Home) -> None:
    dag = home.write("slow", "name: slow\nsteps: [{name: one, command: mark start; sleep 20}]")
    slow = {"DAGU_FAILPOINTS": "store.create.before=sleep(1)"}
    process = home.begin("start", "--run-id=r", dag, env=slow)
    within(10, home.locks)
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    code = process.wait(10)
    # Ended before it had begun (nothing is recorded), or aborted: never run as if not told.
    assert (code, home.status("slow")) in ((-signal.SIGTERM, ""), (1, "aborted"))
    assert home.ledger.steps() == []


def test_P11_a_closed_terminal_stops_the_run_like_a_termination(home: Home) -> None:
    leader, follower = pty.openpty()

    def own_terminal() -> None:
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    process = begin_trapping(home, 0, preexec_fn=own_terminal, **streams)
    os.close(follower)
    os.close(leader)
    assert process.wait(10) == 1
    assert home.status("trapping") == "aborted"
    assert [entry.what for entry in home.ledger.entries()] == ["start", "abort", "exit"]
    assert not list(home.path.rglob("*crash*"))


def test_P11_a_reader_that_goes_away_does_not_end_the_run(home: Home) -> None:
    steps = "[{name: a, command: sleep 0.5}, {name: b, command: mark end}]"
    dag = home.write("piped", f"name: piped\nsteps: {steps}")
    process = home.begin("start", "--run-id=r", dag, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    process.stderr.close()
    process.wait(20)
    assert home.status("piped") == "succeeded" and home.ledger.steps("end") == ["b"]


def test_P18_a_step_beyond_its_memory_limit_fails_alone(home: Home) -> None:
    text = """
        name: hungry
        type: graph
        steps:
          - {name: limited, command: "ulimit -v 300000; exec python3 -c 'x = bytearray(1 << 30)'"}
          - {name: shot, command: "kill -9 $$"}
          - {name: sibling, command: "sleep 0.3; mark end"}
    """
    assert home.cli("start", "--run-id=r", home.write("hungry", text)).code == 1
    stored = home.stored("hungry")
    limited, shot = stored.steps["limited"], stored.steps["shot"]
    assert limited.status is StepStatus.FAILED and limited.exit_code == 1 and "MemoryError" in limited.error
    assert shot.status is StepStatus.FAILED and shot.exit_code == 137 and "137" in shot.error
    assert home.ledger.steps("end") == ["sibling"]


def test_P18_an_engine_that_is_shot_is_taken_over(home: Home) -> None:
    process = begin_trapping(home)
    kill(process)
    stopping = home.cli("stop", "trapping", "--run-id=r")
    assert stopping.code == 0
    assert home.status("trapping") == "aborted"
    assert [entry.what for entry in home.ledger.entries()] == ["start", "abort", "exit"]
    assert "told" in Path(home.stored("trapping").steps["one"].stdout).read_text()


def test_P36_stopping_what_does_not_run(home: Home) -> None:
    dag = home.write("brief", "name: brief\nsteps: [{name: a, command: mark start}]")
    assert home.cli("start", "--run-id=over", dag).code == 0
    before = home.stored("brief", "over")
    assert home.cli("stop", "brief", "--run-id=over").code == 0
    assert home.stored("brief", "over") == before
    unknown = home.cli("stop", "brief", "--run-id=nothing")
    assert unknown.code == 3 and "does not exist" in unknown.err
    assert home.cli("enqueue", "--run-id=waits", dag).code == 0
    assert home.cli("stop", "brief", "--run-id=waits").code == 0
    assert home.status("brief", "waits") == "aborted"
    assert home.cli("recover").code == 0 and home.ledger.steps() == ["a"]


def stop(home: Home, run_id: str) -> list[RunRef]:
    asked: list[RunRef] = home.ask(lambda app: app.runs.stop("brief", run_id))
    return asked


def test_P37_a_stop_that_races_with_the_end_leaves_one_final_state(home: Home) -> None:
    chance = random.Random(37)
    dag = home.write("brief", "name: brief\nsteps: [{name: a, command: sleep 0.1}]")
    rounds = 100 if FULL else 8
    seen = set()
    for number in range(rounds):
        run_id = f"r{number}"
        process = home.begin("start", f"--run-id={run_id}", dag)
        within(10, partial(home.status, "brief", run_id))
        time.sleep(chance.uniform(0.0, 0.25))
        stopped = stop(home, run_id)
        code = process.wait(20)
        stored = home.stored("brief", run_id)
        ends = [event for event in home.events("brief", run_id) if isinstance(event, RunEnded)]
        assert len(ends) == 1 and stored.summary.status in (RunStatus.SUCCEEDED, RunStatus.ABORTED)
        assert code == (0 if stored.summary.status is RunStatus.SUCCEEDED else 1), (number, stopped)
        assert stored.summary.finished_at == ends[0].at
        # A stop that came too late must not wait for the next attempt of the run.
        if number % 5 == 0 and stored.summary.status is RunStatus.SUCCEEDED and stopped:
            assert home.cli("retry", f"--run-id={run_id}", "--step=a", "brief").code == 0
        seen.add(stored.summary.status)
    assert len(seen) == 2, "only one side ever won"


def test_P37_stops_of_a_dead_run_at_once_end_it_once(home: Home) -> None:
    kill(begin_trapping(home))
    stops = [home.begin("stop", "trapping", "--run-id=r") for _ in range(4)]
    assert [stop.wait(20) for stop in stops] == [0] * 4
    within(10, lambda: home.status("trapping") == "aborted")
    ends = [event for event in home.events("trapping") if isinstance(event, RunEnded)]
    assert len(ends) == 1
    # A stop that is asked for while a handler runs ends that handler (P50).
    done = [entry.what for entry in home.ledger.entries() if entry.what != "abort"]
    handlers = {name: step.status.label for name, step in home.stored("trapping").steps.items()}
    assert done == ["start", "exit"] or (done == ["start"] and handlers["onExit"] == "aborted"), handlers


def test_a_run_that_dies_while_it_is_being_stopped_is_stopped_by_its_next_owner(home: Home) -> None:
    text = """
        name: stubborn
        maxCleanUpTimeSec: 2
        handlerOn: {abort: {command: mark abort}}
        steps:
          - {name: one, command: "trap '' TERM; mark start; while :; do sleep 0.05; done"}
          - {name: two, command: mark start, depends: one}
    """
    process = home.begin("start", "--run-id=r", home.write("stubborn", text))
    within(10, lambda: home.ledger.steps() == ["one"])
    process.terminate()
    within(5, lambda: any(isinstance(event, StopRequested) for event in home.events("stubborn")))
    kill(process)
    restarted = home.begin("restart", "stubborn")
    within(15, lambda: home.status("stubborn") == "aborted")
    within(15, lambda: len(home.runs()) == 2)
    within(10, lambda: home.ledger.steps() == ["one", "one"])
    marks = [run.extra for run in home.runs() if run.ref.run_id != "r"]
    assert [MARKS in extra for extra in marks] == [False]
    restarted.terminate()
    assert restarted.wait(15) == 1
    assert {entry.what for entry in home.ledger.entries()} == {"start", "abort"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_step_begins_with_the_default_of_every_signal(home: Home) -> None:
    """Whatever the process that called the command has ignored, as `nohup` and cron do."""
    seen = home.root / "seen"
    file = home.write(
        "signals", f"steps:\n  - exec: [grep, '^Sig[IB]', /proc/self/status]\n    stdout: {seen}\n"
    )
    spared = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP, signal.SIGALRM)

    def ignore() -> None:
        for number in spared:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})

    process = home.begin("start", file, preexec_fn=ignore)
    assert process.wait(20) == 0
    blocked, ignored = (int(line.split()[1], 16) for line in seen.read_text().splitlines())
    # The C library keeps 32 and 33 to itself.
    assert (blocked, ignored & ~(0b11 << 31)) == (0, 0)


@pytest.mark.parametrize("point", ["before", "after"])
def test_S07_a_stop_outlives_the_engine_that_heard_of_it(home: Home, point: str) -> None:
    text = TRAPPING.format(code=3)
    # The first commit begins step one, the second records the stop.
    env = {"DAGU_FAILPOINTS": f"store.commit.{point}=kill9@2"}
    process = home.begin("start", "--run-id=r", home.write("trapping", text), env=env)
    within(10, lambda: home.ledger.steps() == ["one"])
    assert home.cli("stop", "--run-id=r", "trapping").code == 0
    assert process.wait(10) == -signal.SIGKILL and home.status("trapping") == "running"
    assert home.cli("recover").code == 1
    assert home.status("trapping") == "aborted"
    assert [entry.what for entry in home.ledger.entries()] == ["start", "abort", "exit"]
    assert sum(isinstance(event, StopRequested) for event in home.events("trapping")) == 1
