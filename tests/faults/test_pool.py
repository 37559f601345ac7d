"""Runner processes: whatever dies, each queued run is carried out once, and its steps once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.services import services, wake_runners
from dagu_core.model.status import RunStatus
from tests.faults.chaos import FULL, Home, command_of, kill, kill_everything, within

ONE = "queue: q\nsteps: [{name: a, command: 'mark start; mark end'}]"
LONG = """
    queue: q
    steps:
      - {name: a, command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; mark end"}
      - {name: b, command: "mark start; mark end"}
    handlerOn: {exit: {command: "touch $DAG_ROOT/bye.$DAG_RUN_ID"}}
"""


@contextmanager
def pool(home: Home, *, limit: int = 4, runners: int = 2, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A running `dagu worker`, drained at the end."""
    process = begin_pool(home, limit=limit, runners=runners, **env)
    yield process
    assert kill(process, signal.SIGTERM) == 0


def begin_pool(home: Home, *, limit: int = 4, runners: int = 2, **env: str) -> subprocess.Popen[str]:
    home.path.mkdir(exist_ok=True)
    config = f"queues: {{config: [{{name: q, maxConcurrency: {limit}}}]}}\nworker: {{runners: {runners}}}\n"
    (home.path / "config.yaml").write_text(config)
    process = home.begin("worker", env=env)
    within(15, lambda: len(runners_of(home)) == runners and len(home.locks()) >= runners)
    return process


def runners_of(home: Home) -> list[int]:
    return [pid for pid in home.orphans() if "service.runner_process" in command_of(pid)]


def enqueue(home: Home, dag: str, count: int, first: int = 0) -> None:
    async def work(app: object) -> None:
        for number in range(first, first + count):
            await app.runs.enqueue(StartRequest(dag=dag, run_id=f"r{number}"))  # type: ignore[attr-defined]
        await wake_runners(app)  # type: ignore[arg-type]

    home.ask(work)


def ended(home: Home, count: int) -> bool:
    """Whether so many runs are over; what is running is left alone."""
    runs = home.runs(limit=100_000)
    return len(runs) == count and all(run.status.is_over for run in runs)


def check_each_once(home: Home, count: int) -> None:
    runs = home.runs(limit=100_000)
    assert Counter(run.status for run in runs) == {RunStatus.SUCCEEDED: count}
    starts = Counter((entry.run, entry.step) for entry in home.ledger.entries() if entry.what == "start")
    assert len(starts) == count and set(starts.values()) == {1}


def most_at_once(home: Home) -> int:
    """How many steps were at work at the same time, by what they wrote themselves."""
    at_once = most = 0
    for entry in sorted(home.ledger.entries(), key=lambda entry: (entry.nanos, entry.what == "start")):
        at_once += 1 if entry.what == "start" else -1
        most = max(most, at_once)
    return most


@pytest.mark.timeout(400)
def test_C05_a_queue_keeps_its_limit_and_its_order(home: Home) -> None:
    count, limit = (1000, 50) if FULL else (60, 3)
    dag = home.write("one", ONE)
    chance = random.Random(5)
    priorities = [chance.choice([3, 5, 7]) for _ in range(count)]

    async def fill(app: App) -> None:
        for number, priority in enumerate(priorities):
            await app.runs.enqueue(StartRequest(dag=dag, run_id=f"r{number}", priority=priority))

    home.path.mkdir()
    home.ask(fill)
    with pool(home, limit=limit):
        within(200 if FULL else 60, lambda: ended(home, count))
    check_each_once(home, count)
    assert 1 < most_at_once(home) <= limit
    # By priority, then first in, first out: when a run begins, each of those before it has a slot or is
    # over, so no more than limit - 1 of them have not written yet that they began.
    order = sorted(range(count), key=lambda number: (-priorities[number], number))
    place = {f"r{number}": at for at, number in enumerate(order)}
    starts = sorted((entry.nanos, entry.run) for entry in home.ledger.entries() if entry.what == "start")
    early = [place[run] - at for at, (_, run) in enumerate(starts)]
    assert max(early) < limit


def test_P05_killed_workers_lose_nothing_and_the_next_ones_go_on_at_once(home: Home) -> None:
    dag = home.write("long", LONG)
    worker = begin_pool(home, limit=4)
    enqueue(home, dag, 10)
    within(10, lambda: len(home.ledger.steps()) == 4)
    for pid in [worker.pid, *runners_of(home)]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    (home.root / "go").touch()
    with pool(home, limit=4):
        within(20, lambda: ended(home, 10))
    assert Counter(run.status for run in home.runs()) == {RunStatus.SUCCEEDED: 10}
    starts = Counter((entry.run, entry.step) for entry in home.ledger.entries() if entry.what == "start")
    assert len(starts) == 20 and set(starts.values()) == {1}
    assert len(list(home.root.glob("bye.*"))) == 10


@pytest.mark.parametrize("policy", ["fail", "retry"])
def test_P06_after_a_power_cut_the_policy_of_the_steps_decides(home: Home, policy: str) -> None:
    waiting = "mark start; [ -e $DAG_ROOT/go ] || sleep 60; mark end"
    dag = home.write(
        "cut",
        f"queue: q\nsteps: [{{name: a, onCrash: {policy}, command: '{waiting}'}}]\nhandlerOn: "
        "{exit: {command: 'touch $DAG_ROOT/bye.$DAG_RUN_ID'}}",
    )
    begin_pool(home, limit=4)
    enqueue(home, dag, 6)
    within(10, lambda: len(home.ledger.steps()) == 4)
    kill_everything(home)
    (home.root / "go").touch()
    with pool(home, limit=4):
        within(20, lambda: ended(home, 6))
    statuses = Counter(run.status for run in home.runs())
    lost = 4 if policy == "fail" else 0
    assert (statuses[RunStatus.FAILED], statuses[RunStatus.SUCCEEDED]) == (lost, 6 - lost)
    assert len(list(home.root.glob("bye.*"))) == 6


def test_P08_a_worker_that_is_stopped_lets_its_steps_go_on_and_the_next_one_joins_them(home: Home) -> None:
    dag = home.write("long", LONG)
    with pool(home, runners=1):
        enqueue(home, dag, 1)
        within(10, home.ledger.steps)
    assert runners_of(home) == [] and home.ledger.steps("end") == []
    assert home.stored("long", "r0").summary.status is RunStatus.RUNNING
    with pool(home, runners=1):
        within(10, lambda: home.stored("long", "r0").summary.recoveries == 1)
        (home.root / "go").touch()
        within(10, lambda: ended(home, 1))
    assert home.ledger.steps() == ["a", "b"] == home.ledger.steps("end")
    assert Counter(run.status for run in home.runs()) == {RunStatus.SUCCEEDED: 1}


def test_P16_runners_killed_at_random_while_a_queue_drains(home: Home) -> None:
    count = 300 if FULL else 60
    dag = home.write("one", ONE)
    dice = random.Random(7)
    with pool(home, limit=6):
        enqueue(home, dag, count)
        for _ in range(40 if FULL else 8):
            time.sleep(dice.uniform(0.05, 0.4))
            if pids := runners_of(home):
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(pids), signal.SIGKILL)
        within(60, lambda: ended(home, count))
    check_each_once(home, count)


def test_P23_a_run_that_kills_every_runner_is_given_up(home: Home) -> None:
    dag = home.write("one", ONE)
    with pool(home, runners=1, DAGU_FAILPOINTS="spawn.before=kill9@1"):
        enqueue(home, dag, 1)
        within(30, lambda: ended(home, 1))
    summary = home.stored("one", "r0").summary
    assert summary.status is RunStatus.FAILED and "recovery limit reached" in summary.error
    assert home.ledger.steps() == []


def test_P24_a_queued_parent_and_its_children_are_taken_over_together(home: Home) -> None:
    text = """
        queue: q
        steps:
          - {name: call, call: child}
          - {name: after, command: "mark start; mark end"}
        ---
        name: child
        steps:
          - {name: c, command: "mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done; mark end"}
    """
    dag = home.write("parent", text)
    with pool(home, runners=1):
        enqueue(home, dag, 1)
        within(10, home.ledger.steps)
        for pid in runners_of(home):
            os.kill(pid, signal.SIGKILL)
        (home.root / "go").touch()
        within(20, lambda: ended(home, 2))
    assert home.ledger.steps() == ["c", "after"] == home.ledger.steps("end")


def test_the_note_of_a_runner_tells_who_it_is_and_goes_with_it(home: Home) -> None:
    with pool(home, runners=2):
        found = within(5, lambda: home.ask(lambda app: services(app, "runner")))
        within(5, lambda: len(home.ask(lambda app: services(app, "runner"))) == 2)
        assert {one.pid for one in found} <= set(runners_of(home))
    assert home.ask(lambda app: services(app, "runner")) == []


def test_a_runner_that_grows_too_large_is_replaced(home: Home) -> None:
    home.path.mkdir()
    (home.path / "config.yaml").write_text("worker: {runners: 1, maxMemoryMib: 1}\n")
    process = home.begin("worker")
    (first,) = within(15, lambda: runners_of(home))
    within(20, lambda: (now := runners_of(home)) and first not in now)
    assert kill(process, signal.SIGTERM) == 0
    assert "replaced" in (home.root / "said").read_text()


def test_runners_read_the_file_that_config_names(home: Home) -> None:
    dag = home.write("one", ONE)
    file = home.root / "elsewhere.yaml"
    file.write_text("worker: {runners: 1}\nlogFormat: json\n")
    process = home.begin("worker", "--config", str(file))
    enqueue(home, dag, 1)
    within(20, lambda: ended(home, 1))
    assert kill(process, signal.SIGTERM) == 0
    (log,) = home.path.rglob("dag-run*.log")
    assert log.read_text().splitlines()[-1].startswith('{"')


def test_runners_of_a_worker_in_safe_mode_have_no_plugins(home: Home) -> None:
    text = """
        name: picky
        steps: [{name: a, type: jq, script: '{"a": 1}', command: .a}]
    """
    dag = home.write("picky", text)
    process = home.begin("worker", "--safe-mode")
    assert home.cli("enqueue", "--run-id=r", dag).code == 0
    within(20, lambda: home.status("picky") == "failed")
    assert kill(process, signal.SIGTERM) == 0
    assert "safe mode (DAGU_SAFE_MODE)" in home.stored("picky").summary.error


def test_a_runner_whose_pool_died_while_it_began_ends_without_a_word(home: Home) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "dagu_core.service.runner_process"],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=home.env(),
        text=True,
    )
    os.close(writing)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
