"""Queues under load, races and kills: numbers of rows in the names."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import Conflict, DaguError
from dagu_core.model.run.events import RunEnded, RunReset, RunStarted
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from tests.faults.chaos import DAGU, FULL, SLOW, Home, kill, within
from tests.faults.test_pool import begin_pool, check_each_once, ended, enqueue, most_at_once, pool, runners_of

ONE = "queue: q\nsteps: [{name: a, command: 'mark start; mark end'}]"
SLOWER = "queue: q\nsteps: [{name: a, command: 'mark start; sleep 0.1; mark end'}]"
ALONE = "maxActiveRuns: 1\n" + SLOWER.partition("\n")[2]
FAMILY = """
    queue: q
    type: graph
    steps:
      - {name: a, call: kid, params: "N=1"}
      - {name: b, call: kid, params: "N=2"}
      - {name: c, call: kid, params: "N=3"}
      - {name: d, command: "mark start; mark end", depends: [a, b, c]}
    ---
    name: kid
    queue: q
    params: "N=0"
    steps: [{name: k, command: "mark start; sleep 0.2; mark end"}]
"""


def all_succeeded(home: Home, count: int) -> None:
    within(60, lambda: ended(home, count))
    assert Counter(run.status for run in home.runs()) == {RunStatus.SUCCEEDED: count}


def test_a_parent_and_three_children_in_a_queue_of_one_end_one_at_a_time(home: Home) -> None:
    dag = home.write("family", FAMILY)
    with pool(home, limit=1):
        enqueue(home, dag, 3)
        all_succeeded(home, 12)
    assert most_at_once(home) == 1
    assert Counter(home.ledger.steps()) == {"k": 9, "d": 3}


def test_a_child_that_waits_outlives_the_process_of_its_parent(home: Home) -> None:
    dag = home.write("family", FAMILY)
    worker = begin_pool(home, limit=1)
    enqueue(home, dag, 2)
    within(20, lambda: home.ledger.steps())
    for pid in [worker.pid, *runners_of(home)]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    assert home.runs(statuses=(RunStatus.QUEUED,))
    with pool(home, limit=1):
        all_succeeded(home, 8)
    assert most_at_once(home) == 1
    starts = Counter((entry.run, entry.step) for entry in home.ledger.entries() if entry.what == "start")
    assert len(starts) == 8 and set(starts.values()) == {1}
    assert home.ask(lambda app: app.store.queues()) == []


def test_overridden_runs_keep_to_their_queue_while_others_start_at_once(home: Home) -> None:
    dag = home.write("one", "queue: q\nmaxActiveRuns: 9\n" + SLOWER.partition("\n")[2])

    async def enqueue_both(app: App) -> None:
        for number in range(10):
            await app.runs.enqueue(StartRequest(dag=dag, run_id=f"b{number}", queue="backlog"))
        for number in range(3):
            await app.runs.enqueue(StartRequest(dag=dag, run_id=f"r{number}"))

    with pool(home, limit=3):
        home.ask(enqueue_both)
        all_succeeded(home, 13)
    entries = home.ledger.entries()
    backlog = [entry for entry in entries if entry.run.startswith("b")]
    busy = 0
    for entry in sorted(backlog, key=lambda entry: (entry.nanos, entry.what == "start")):
        busy += 1 if entry.what == "start" else -1
        assert busy <= 1
    last = max(entry.nanos for entry in entries if entry.run.startswith("r"))
    assert last < max(entry.nanos for entry in backlog)
    assert {run.queue for run in home.runs() if run.ref.run_id.startswith("b")} == {"backlog"}


def test_a_paused_queue_holds_its_runs_over_a_restart_of_the_workers(home: Home) -> None:
    dag = home.write("one", ONE)
    with pool(home):
        assert home.cli("queue", "pause", "q", "--reason=tests").code == 0
        enqueue(home, dag, 3)
        free = home.write("free", "steps: [{name: f, command: 'mark start'}]")
        assert home.cli("enqueue", "--run-id=f", free).code == 0
        within(20, lambda: home.status("free", "f") == "succeeded")
    assert home.ledger.steps() == ["f"]
    with pool(home):
        assert "tests" in home.cli("why", "--run-id=r0", "one").out
        assert home.ledger.steps() == ["f"]
        assert home.cli("queue", "resume", "q").code == 0
        all_succeeded(home, 4)


def test_a_hundred_moves_while_workers_claim_execute_each_run_once(home: Home) -> None:
    count, chance = 60, random.Random(3)
    dag = home.write("one", ONE)
    home.path.mkdir()
    moved = 0

    async def fill(app: App) -> None:
        for number in range(count):
            await app.runs.enqueue(StartRequest(dag=dag, run_id=f"r{number}"))

    async def move(app: App) -> None:
        nonlocal moved
        for _ in range(100):
            ref = RunRef("one", f"r{chance.randrange(count)}")
            try:
                await app.queues.move(ref, chance.choice(["q", "p", "s"]), front=chance.random() < 0.5)
                moved += 1
            except Conflict:
                continue

    home.ask(fill)
    with pool(home, limit=1):
        home.ask(move)
        all_succeeded(home, count)
    assert moved > 5
    check_each_once(home, count)


def test_C06_C07_what_waits_runs_as_it_was_enqueued_whatever_becomes_of_its_file(home: Home) -> None:
    changed = Path(home.write("changed", "queue: q\nsteps: [{name: old, command: mark start}]"))
    removed = Path(home.write("removed", "queue: q\nsteps: [{name: gone, command: mark start}]"))
    home.path.mkdir()
    for dag in (changed, removed):
        assert home.cli("enqueue", "--run-id=r", str(dag)).code == 0
    changed.write_text("queue: other\nsteps: [{name: new, command: mark start}]\n")
    removed.unlink()
    with pool(home):
        all_succeeded(home, 2)
    assert sorted(home.ledger.steps()) == ["gone", "old"]
    assert home.cli("status", "--run-id=r", "removed").code == 0


def start_many(home: Home, dag: str, *words: str) -> list[int]:
    """Start a DAG again and again, several at a time; the codes of them all."""
    count, side_by_side = (200, 40) if FULL else (16, 8)
    codes: list[int] = []
    numbers = iter(range(count))
    lock = threading.Lock()

    def starter() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            done = subprocess.run(
                [DAGU, "start", "-q", *words, f"--run-id=r{number}", dag],
                env=home.env(),
                cwd=home.root,
                timeout=250 * SLOW,
            )
            codes.append(done.returncode)

    threads = [threading.Thread(target=starter) for _ in range(side_by_side)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == count
    return codes


@pytest.mark.timeout(300)
def test_C11_starts_that_name_a_queue_keep_to_its_limit(home: Home) -> None:
    codes = start_many(home, home.write("one", ALONE), "--queue=one")
    assert set(codes) == {0}
    check_each_once(home, len(codes))
    assert most_at_once(home) == 1


@pytest.mark.timeout(300)
def test_C11_plain_starts_are_bound_by_no_limit(home: Home) -> None:
    # The first one ends when a second one has begun beside it.
    meet = "mark start; until [ $(grep -c start $DAG_LEDGER) -ge 2 ]; do sleep 0.05; done; mark end"
    codes = start_many(home, home.write("one", f"maxActiveRuns: 1\nsteps: [{{name: a, command: '{meet}'}}]"))
    assert set(codes) == {0}
    check_each_once(home, len(codes))
    assert most_at_once(home) > 1


@pytest.mark.timeout(300)
def test_C11_starts_that_obey_the_overlap_policy_are_refused_beside_others(home: Home) -> None:
    codes = start_many(home, home.write("one", f"overlap: {{policy: skip, includeManual: true}}\n{ALONE}"))
    assert set(codes) == {0, 4}
    check_each_once(home, codes.count(0))
    assert most_at_once(home) == 1


@pytest.mark.timeout(400)
def test_C10_clients_that_do_anything_at_random_break_no_run_and_no_limit(home: Home) -> None:
    clients, acts = (20, 150) if FULL else (6, 25)
    dag = home.write("one", SLOWER)
    refused: Counter[str] = Counter()

    def client(seed: int) -> None:
        chance = random.Random(seed)

        async def act(app: App) -> None:
            known: list[str] = []
            for number in range(acts):
                run_id = f"c{seed}-{number}"
                what = chance.choice(["enqueue", "enqueue", "enqueue", "stop", "dequeue", "move", "front"])
                ref = RunRef("one", chance.choice(known) if known else "none")
                try:
                    if what == "enqueue":
                        await app.runs.enqueue(
                            StartRequest(dag=dag, run_id=run_id, priority=chance.randrange(10))
                        )
                        known.append(run_id)
                    elif what == "stop":
                        await app.runs.stop("one", ref.run_id)
                    elif what == "dequeue":
                        await app.runs.dequeue("q", ref)
                    elif what == "move":
                        await app.queues.prioritise(ref, chance.randrange(10))
                    else:
                        await app.queues.to_front(ref)
                except DaguError as error:
                    refused[error.code] += 1

        home.ask(act)

    with pool(home, limit=3):
        threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        within(120, lambda: all(run.status.is_over for run in home.runs(limit=100_000)))
        assert home.ask(lambda app: app.store.queues()) == []
    assert set(refused) <= {"bad_request", "conflict", "not_found"}
    over = {RunStatus.SUCCEEDED, RunStatus.ABORTED}
    for run in home.runs(limit=100_000):
        assert run.status in over, run
        ends = starts = 0
        for event in home.events("one", run.ref.run_id):
            starts += isinstance(event, RunStarted)
            ends += isinstance(event, RunEnded)
            assert not isinstance(event, RunReset)
        assert ends == 1 and starts <= 1, run
        home.ledger.check(home.stored("one", run.ref.run_id))
    assert most_in_steps(home) <= 3


def most_in_steps(home: Home) -> int:
    """How many steps were at work at once; one that was stopped has left no end."""
    entries = home.ledger.entries()
    whole = {entry.run for entry in entries if entry.what == "end"}
    most = busy = 0
    for entry in sorted(entries, key=lambda entry: (entry.nanos, entry.what == "start")):
        if entry.run in whole:
            busy += 1 if entry.what == "start" else -1
            most = max(most, busy)
    return most


def test_a_start_that_waits_for_its_turn_is_stopped_by_a_signal(home: Home) -> None:
    dag = home.write("one", ONE)
    home.path.mkdir()
    assert home.cli("queue", "pause", "q").code == 0
    process = home.begin("start", "--queue=q", "--run-id=r", dag)
    within(20, lambda: home.status("one") == "queued")
    assert kill(process, signal.SIGINT) == 1
    assert home.status("one") == "aborted" and home.ledger.steps() == []


def test_a_start_that_was_killed_while_it_waited_is_carried_out_by_a_worker(home: Home) -> None:
    dag = home.write("one", ONE)
    home.path.mkdir()
    assert home.cli("queue", "pause", "q").code == 0
    process = home.begin("start", "--queue=q", "--run-id=r", dag)
    within(20, lambda: home.status("one") == "queued")
    kill(process)
    assert home.cli("queue", "resume", "q").code == 0
    with pool(home):
        all_succeeded(home, 1)
    assert home.ledger.steps() == ["a"]
