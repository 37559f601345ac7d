"""Several schedulers on one home, killed, frozen and stopped: every instant once."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from dagu_core.app.services import services
from tests.faults.chaos import SLOW, Home, freeze, kill, thaw, within

pytestmark = pytest.mark.timeout(120)

#: the run id is its instant, written down by the step itself
EVERY_SECOND = """
    schedule: "* * * * * *"
    overlapPolicy: allow
    maxActiveRuns: 50
    queue: ticks
    steps:
      - command: mark start
"""
QUIET = {"DAGU_SCHEDULER_PORT": "0", "DAGU_TZ": "UTC", "DAGU_WORKER_RUNNERS": "1"}


def dag(home: Home, name: str, text: str) -> None:
    """A definition in the DAGs folder of the home."""
    home.write(name, text)
    folder = home.path / "dags"
    folder.mkdir(parents=True, exist_ok=True)
    (home.root / f"{name}.yaml").rename(folder / f"{name}.yaml")


def scheduler(home: Home, *words: str) -> subprocess.Popen[str]:
    return home.begin("scheduler", *words, env=QUIET)


def instants(home: Home) -> list[int]:
    """The instants that were started, by the ids of the runs in the ledger."""
    stamps = [entry.run.removeprefix("sched-") for entry in home.ledger.entries()]
    parsed = (datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for stamp in stamps)
    return [int(each.timestamp()) for each in parsed]


def candidates(home: Home) -> int:
    """How many schedulers have left a note."""
    return len(home.ask(lambda app: app.store.scan("services", "scheduler/")))


def leader(home: Home) -> int | None:
    """The pid of the scheduler that leads, None while nobody does."""
    found = home.ask(lambda app: services(app, "scheduler"))
    return next((one.pid for one in found if one.details.get("leader")), None)


def ready(home: Home, count: int) -> None:
    """Wait until so many starts have been carried out."""
    within(15, lambda: len(home.ledger.entries()) >= count)


def stop_all(home: Home, processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(timeout=20 * SLOW)


def assert_every_second_once(home: Home, first: int, last: int, spared: int = 0) -> None:
    found = Counter(instants(home))
    assert [second for second, times in found.items() if times > 1] == []
    lost = [second for second in range(first, last + 1) if second not in found]
    assert len(lost) <= spared, lost


def test_P14_T06_three_schedulers_of_which_one_is_killed_again_and_again(home: Home) -> None:
    dag(home, "tick", EVERY_SECOND)
    config = home.path / "config.yaml"
    config.write_text("queues:\n  config: [{name: ticks, maxConcurrency: 50}]\n")
    worker = home.begin("worker", env=QUIET)
    crowd = [scheduler(home, "--no-runners") for _ in range(3)]
    ready(home, 2)
    first = max(instants(home))
    until = time.monotonic() + 22 * SLOW
    while time.monotonic() < until:
        time.sleep(3.1)
        # the eldest: it leads as soon as the one before it has gone
        kill(crowd.pop(0))
        crowd.append(scheduler(home, "--no-runners"))
    within(10, lambda: time.time() - max(instants(home)) < 3)
    last = max(instants(home)) - 2
    stop_all(home, [*crowd, worker])
    assert last - first >= 18
    assert_every_second_once(home, first, last)


@pytest.mark.parametrize("how", ["kill", "stop", "freeze"])
def test_P14_a_stand_by_takes_over(home: Home, how: str) -> None:
    dag(home, "tick", EVERY_SECOND)
    worker = home.begin("worker", env=QUIET)
    first = scheduler(home, "--no-runners")
    ready(home, 2)
    second = scheduler(home, "--no-runners")
    within(15, lambda: candidates(home) == 2)
    began = max(instants(home))
    if how == "kill":
        kill(first)
    elif how == "stop":
        kill(first, signal.SIGTERM)
    else:
        freeze(first)
    went = time.time()
    # kill and stop are told by the kernel; a frozen one has a lease that must run out
    limit = 20 if how == "freeze" else 4
    within(limit + 3, lambda: max(instants(home)) > went + 1)
    seen = sorted(set(instants(home)))
    gap = max(after - before for before, after in itertools.pairwise(seen))
    assert gap <= limit * SLOW
    if how == "freeze":
        thaw(first)
    else:
        assert_every_second_once(home, began, max(instants(home)) - 1)
    stop_all(home, [first, second, worker])
    assert Counter(instants(home)).most_common(1)[0][1] == 1


def test_P15_a_thawed_leader_starts_nothing_twice(home: Home) -> None:
    dag(home, "tick", EVERY_SECOND)
    worker = home.begin("worker", env=QUIET)
    first, second = (scheduler(home, "--no-runners") for _ in range(2))
    ready(home, 2)
    freeze(first)
    freeze_ended = time.time() + 18 * SLOW
    within(40, lambda: time.time() > freeze_ended)
    within(25, lambda: time.time() - max(instants(home)) < 3)
    thaw(first)
    thawed = int(time.time())
    within(25, lambda: max(instants(home)) >= thawed + 10)
    stop_all(home, [first, second, worker])
    found = Counter(instants(home))
    assert [found[second] for second in range(thawed, thawed + 10)] == [1] * 10
    assert max(found.values()) == 1


def test_P07_a_clean_stop_gives_the_lease_back(home: Home) -> None:
    dag(home, "tick", EVERY_SECOND)
    for number in range(6):
        before = len(home.ledger.entries())
        began = time.monotonic()
        service = home.begin("start-all", env=QUIET)
        within(10, lambda before=before: len(home.ledger.entries()) > before)  # type: ignore[misc]
        assert time.monotonic() - began < 6 * SLOW, number
        began = time.monotonic()
        assert kill(service, signal.SIGTERM) == 0
        assert time.monotonic() - began < 2 * SLOW
        assert home.ask(lambda app: app.store.acquire("scheduler", "me", 0.001)) is not None
        assert home.locks() == []


def test_P14_twenty_clean_stops_hand_the_lead_over_at_once(home: Home) -> None:
    dag(home, "tick", EVERY_SECOND)
    crowd = [scheduler(home, "--no-runners")]
    within(15, lambda: leader(home) is not None)
    for number in range(20):
        crowd.append(scheduler(home, "--no-runners"))
        within(15, lambda: candidates(home) == 2)
        went, began = leader(home), time.monotonic()
        assert kill(crowd.pop(0), signal.SIGTERM) == 0
        within(2, lambda before=went: leader(home) not in (None, before))  # type: ignore[misc]
        assert time.monotonic() - began < 3 * SLOW, number
    stop_all(home, crowd)
    assert home.locks() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_P08_a_run_at_work_outlives_the_service(home: Home, number: signal.Signals) -> None:
    text = """
        schedule: "* * * * * *"
        steps:
          - name: slow
            command: mark start && sleep 4 && mark end
    """
    dag(home, "slow", text)
    service = home.begin("start-all", env={**QUIET, "DAGU_WORKER_DRAIN_GRACE": "500ms"})
    (entry,) = within(10, lambda: home.ledger.entries())
    began = time.monotonic()
    assert kill(service, number) == 0
    assert time.monotonic() - began < 2 * SLOW
    (home.path / "dags" / "slow.yaml").unlink()
    again = home.begin("start-all", env=QUIET)
    within(15, lambda: home.status("slow", entry.run) == "succeeded")
    stop_all(home, [again])
    assert [each.what for each in home.ledger.entries() if each.run == entry.run] == ["start", "end"]


def test_T01_a_thawed_leader_does_not_make_up_for_what_it_slept_through(home: Home) -> None:
    dag(home, "tick", EVERY_SECOND)
    service = scheduler(home)
    ready(home, 2)
    slept = int(time.time())
    freeze(service)
    time.sleep(9)
    thaw(service)
    woke = int(time.time())
    within(10, lambda: max(instants(home)) > woke + 1)
    stop_all(home, [service])
    found = Counter(instants(home))
    assert max(found.values()) == 1
    # late by five seconds at most, for a schedule with seconds; the rest is told
    assert not [second for second in found if slept + 1 < second < woke - 6]
    told = home.cli("why", "tick").out
    assert "fires.missed" in told


def test_T05_what_was_due_before_the_start_is_not_done(home: Home) -> None:
    dag(home, "minutely", 'schedule: "* * * * *"\nsteps: [mark start]')
    for now in ("2026-03-02T12:00:40Z", "2026-03-02T12:00:59Z"):
        assert home.cli("scheduler", "--once", "--now", now, env=QUIET).code == 0
    assert home.runs() == []
    done = home.cli("scheduler", "--once", "--now", "2026-03-02T12:01:00Z", "--json", env=QUIET)
    assert '"sched-20260302T120100Z"' in done.out
