"""Clocks that are set while everything works, and clocks that differ: nothing twice, no lease moved."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from dagu_core.testing.requirements import require
from tests.faults.chaos import SLOW, Home, freeze, kill, thaw, within
from tests.faults.test_scheduler_leaders import EVERY_SECOND, QUIET, dag, instants, ready, stop_all

pytestmark = pytest.mark.timeout(120)

HOUR, DAY = 3600, 86_400


class FalseClock:
    """The time of day of processes begun with `env`, off by what was `set` last (seconds)."""

    def __init__(self, folder: Path, name: str, off: int = 0) -> None:
        libraries = sorted(Path("/usr").glob("lib*/**/libfaketimeMT.so.1"))
        require(libraries, "libfaketime (apt install faketime)")
        self._file = folder / f"clock-{name}"
        self.set(off)
        self.env = {
            **QUIET,
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, off: int) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{off:+d}\n")
        fresh.rename(self._file)
        self.off = off

    def now(self) -> float:
        return time.time() + self.off


@pytest.fixture
def clock(tmp_path: Path) -> FalseClock:
    return FalseClock(tmp_path, "first")


def holds(home: Home) -> tuple[str, int]:
    """Who holds the lease, and its fence."""
    import sqlite3

    with sqlite3.connect(home.path / "data" / "dagu.db") as database:
        found = database.execute("SELECT owner, fence FROM leases WHERE key = 'scheduler'").fetchone()
    database.close()
    return str(found[0]), int(found[1])


def once(home: Home) -> None:
    """No instant was started twice."""
    assert [at for at, times in Counter(instants(home)).items() if times > 1] == []


def goes_on(home: Home, clock: FalseClock) -> None:
    """Instants of its present are started."""
    until = clock.now() + 2
    within(20, lambda: any(until < at <= clock.now() for at in instants(home)))


def test_T06_a_day_ahead_is_missed_and_an_hour_back_done_once(home: Home, clock: FalseClock) -> None:
    dag(home, "tick", EVERY_SECOND)
    service = home.begin("start-all", env=clock.env)
    ready(home, 3)
    leader = within(5, lambda: holds(home)[0] and holds(home))
    clock.set(DAY)
    goes_on(home, clock)
    present = [at for at in instants(home) if at > time.time() + HOUR]
    assert min(present) > time.time() + DAY - 30 * SLOW, "what was jumped over was started"
    clock.set(0)
    goes_on(home, clock)
    clock.set(-HOUR)
    goes_on(home, clock)
    assert holds(home) == leader
    stop_all(home, [service])
    once(home)
    assert "fires.missed" in home.cli("why", "tick").out
    assert "standing by" not in (home.root / "said").read_text()


def test_T06_a_frozen_leader_whose_clock_was_ahead_holds_nobody_up(home: Home, clock: FalseClock) -> None:
    """What a lease lasts is no matter of the time of day."""
    dag(home, "tick", EVERY_SECOND)
    clock.set(HOUR)
    first = home.begin("start-all", env=clock.env)
    ready(home, 2)
    before = holds(home)
    freeze(first)
    second = home.begin("start-all", env=QUIET)
    began = time.time()
    within(25, lambda: any(began < at < began + HOUR / 2 for at in instants(home)))
    assert holds(home)[1] > before[1]
    thaw(first)
    stop_all(home, [first, second])
    once(home)


@pytest.mark.parametrize("off", [300, -300])
def test_T09_schedulers_whose_clocks_differ_by_five_minutes(home: Home, tmp_path: Path, off: int) -> None:
    dag(home, "tick", EVERY_SECOND)
    here, there = FalseClock(tmp_path, "here"), FalseClock(tmp_path, "there", off)
    worker = home.begin("worker", env=QUIET)
    first = home.begin("scheduler", "--no-runners", env=here.env)
    ready(home, 2)
    leader = holds(home)
    second = home.begin("scheduler", "--no-runners", env=there.env)
    within(15, lambda: len([lock for lock in home.locks() if lock.startswith("s")]) == 2)
    seen = len(home.ledger.entries())
    ready(home, seen + 4)
    # The stand-by thinks that any lease has run out, or that it runs for minutes: no matter.
    assert holds(home) == leader
    kill(first)
    goes_on(home, there)
    assert holds(home) == (holds(home)[0], leader[1] + 1)
    stop_all(home, [second, worker])
    once(home)


def test_T06_a_clock_that_was_wrong_at_the_start_leaves_nothing_behind(home: Home, clock: FalseClock) -> None:
    """First seen, handled up to: all of it was tomorrow."""
    dag(home, "tick", EVERY_SECOND)
    clock.set(DAY)
    service = home.begin("start-all", env=clock.env)
    ready(home, 2)
    assert kill(service, signal.SIGTERM) == 0
    clock.set(0)
    again: subprocess.Popen[str] = home.begin("start-all", env=clock.env)
    goes_on(home, clock)
    stop_all(home, [again])
    once(home)
