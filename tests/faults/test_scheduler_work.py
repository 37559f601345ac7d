"""The service killed while it works: what was due or queued is done, once, whatever dies when."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections import Counter

import pytest

from dagu_core.app.overlap import ACTIVE
from tests.faults.chaos import SLOW, Home, kill, kill_everything, within
from tests.faults.test_scheduler_leaders import (
    EVERY_SECOND,
    QUIET,
    assert_every_second_once,
    dag,
    instants,
    ready,
    scheduler,
    stop_all,
)

pytestmark = pytest.mark.timeout(150)


def enqueue(home: Home, path: str, count: int) -> list[str]:
    """Queue so many runs of a DAG."""
    ids = [f"q{number:03}" for number in range(count)]

    async def work(app: object) -> None:
        from dagu_core.app.requests import StartRequest

        for run_id in ids:
            await app.runs.enqueue(StartRequest(dag=path, run_id=run_id))  # type: ignore[attr-defined]

    home.ask(work)
    return ids


def assert_each_once(home: Home, ids: list[str]) -> None:
    found = Counter(entry.run for entry in home.ledger.entries() if entry.what == "start")
    assert [run_id for run_id in ids if found[run_id] != 1] == []


def test_P05_a_killed_service_leaves_its_queue_to_the_next_within_seconds(home: Home) -> None:
    path = home.write("work", "maxActiveRuns: 4\nsteps: [mark start && sleep 1 && mark end]")
    ids = enqueue(home, path, 24)
    service = home.begin("start-all", env=QUIET)
    within(10, lambda: len(home.ledger.steps()) >= 4)
    kill(service)
    again = home.begin("start-all", env=QUIET)
    within(40, lambda: len(home.runs(dag="work", statuses=ACTIVE)) == 0)
    stop_all(home, [again])
    assert_each_once(home, ids)
    assert {run.status.label for run in home.runs(dag="work")} == {"succeeded"}
    starts = sorted(entry.nanos for entry in home.ledger.entries() if entry.what == "start")
    assert max(after - before for before, after in itertools.pairwise(starts)) < 5e9 * SLOW


@pytest.mark.parametrize("all_of_it", [False, True])
def test_P16_killed_at_random_while_a_queue_drains(home: Home, all_of_it: bool) -> None:
    chance = random.Random(16)
    path = home.write("work", "maxActiveRuns: 8\nsteps: [mark start && sleep 0.3 && mark end]")
    ids = enqueue(home, path, 60)
    for _ in range(5):
        service = home.begin("start-all", env=QUIET)
        time.sleep(chance.uniform(0.8, 1.6))
        if all_of_it:
            # Runners and steps, too: those at work are lost, and their runs fail honestly.
            kill_everything(home)
        kill(service)
    service = home.begin("start-all", env=QUIET)
    within(60, lambda: not home.runs(dag="work", statuses=ACTIVE))
    stop_all(home, [service])
    found = Counter((entry.run, entry.attempt) for entry in home.ledger.entries() if entry.what == "start")
    assert not found or max(found.values()) == 1
    statuses = Counter(run.status.label for run in home.runs(dag="work"))
    assert sum(statuses.values()) == 60 and not set(statuses) - {"succeeded", "failed"}
    if not all_of_it:
        assert statuses["succeeded"] == 60
        assert_each_once(home, ids)


@pytest.mark.parametrize("point", ["store.create.before", "store.create.after"])
def test_P17_a_leader_that_dies_around_its_record(home: Home, point: str) -> None:
    dag(home, "tick", EVERY_SECOND)
    worker = home.begin("worker", env=QUIET)
    doomed = home.begin("scheduler", "--no-runners", env={**QUIET, "DAGU_FAILPOINTS": f"{point}=kill9@3"})
    ready(home, 1)
    second = scheduler(home, "--no-runners")
    assert doomed.wait(timeout=20 * SLOW) == -signal.SIGKILL
    first = min(instants(home))
    within(15, lambda: max(instants(home)) >= first + 6)
    stop_all(home, [second, worker])
    assert_every_second_once(home, first, first + 6)


def test_T10_many_dags_on_one_second_are_all_started(home: Home) -> None:
    folder = home.path / "dags"
    folder.mkdir(parents=True)
    count = 1500
    for number in range(count):
        (folder / f"d{number}.yaml").write_text('schedule: "0 0 * * *"\nsteps: ["true"]\n')
    ran = home.cli("scheduler", "--once", "--now", "2026-03-01T23:59:30Z", env=QUIET)
    assert ran.code == 0, ran.err
    began = time.monotonic()
    ran = home.cli("scheduler", "--once", "--now", "2026-03-02T00:00:00Z", env=QUIET, limit=100)
    took = time.monotonic() - began
    assert ran.out.count(": queued") == count
    # ten thousand within a minute
    assert took < 60 * count / 10_000 * SLOW + 3
    assert len(home.runs(limit=count + 1)) == count


def test_T01_frozen_for_minutes_a_minutely_schedule_is_not_made_up_for(home: Home) -> None:
    """The same with a clock that is told: what a pass finds that comes minutes too late."""
    dag(home, "minutely", 'schedule: "* * * * *"\nsteps: [mark start]')
    for now in ("2026-03-02T12:00:30Z", "2026-03-02T12:03:50Z"):
        assert home.cli("scheduler", "--once", "--now", now, env=QUIET).code == 0
    assert [run.ref.run_id for run in home.runs()] == ["sched-20260302T120300Z"]
    assert "2 starts were missed" in home.cli("why", "minutely").out


def test_a_file_is_picked_up_within_a_second_and_a_gone_one_is_forgotten(home: Home) -> None:
    (home.path / "dags").mkdir(parents=True)
    service = scheduler(home)
    within(15, lambda: "leading" in (home.root / "said").read_text())
    dag(home, "tick", EVERY_SECOND)
    put = time.time()
    within(5, lambda: home.ledger.entries())
    assert min(instants(home)) - put <= 2 * SLOW
    (home.path / "dags" / "tick.yaml").unlink()
    gone = time.time()
    time.sleep(3)
    stop_all(home, [service])
    assert max(instants(home)) <= gone + 1 * SLOW
    assert max(Counter(instants(home)).values()) == 1


def test_overlap_in_real_time_cancel_lets_handlers_end_first(home: Home) -> None:
    text = """
        schedule: "*/2 * * * * *"
        overlapPolicy: cancel
        steps:
          - name: slow
            command: mark start && sleep 9
        handlerOn:
          exit: {command: sleep 0.3 && mark start}
    """
    dag(home, "flow", text)
    service = scheduler(home)
    within(25, lambda: home.ledger.steps().count("slow") >= 4)
    stop_all(home, [service])
    kill_everything(home)  # the step that is at work would go on
    order = [entry for entry in home.ledger.entries() if entry.what == "start"]
    # each run's exit handler came before the next run's step
    for before, after in itertools.pairwise(order):
        if after.step == "slow":
            assert before.step == "onExit", [entry.step for entry in order]
    assert {run.status.label for run in home.runs(dag="flow")} <= {"aborted", "running", "queued"}


def test_a_scheduler_without_runners_takes_over_the_dead_and_keeps_the_past_short(home: Home) -> None:
    one = home.write("one", "steps: [mark start]")
    for number in range(3):
        assert home.cli("start", f"--run-id=r{number}", one).code == 0
    home.write("one", "histRetentionRuns: 2\nsteps: [mark start]")
    slow = home.write(
        "slow", "steps: ['mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done', mark end]"
    )
    process = home.begin("start", "--run-id=r", slow)
    within(10, lambda: "slow" in {run.ref.dag for run in home.running()})
    kill(process)
    service = home.begin("scheduler", "--no-runners", env=QUIET)
    within(15, lambda: home.running()[0].recoveries == 1)
    within(5, lambda: len(home.runs(dag="one")) == 2)
    assert kill(service, signal.SIGTERM) == 0
    (home.root / "go").touch()
    within(10, lambda: home.status("slow") == "succeeded")
    assert [entry.what for entry in home.ledger.entries() if entry.run == "r"] == ["start", "end"]
