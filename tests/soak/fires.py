"""`make soak SOAK="--fires 1000"`: so many fires of real cron with seconds, while schedulers are killed.

Four DAGs start every second, on one home with several schedulers and one worker. Again and again the
scheduler that leads is killed with -9, and another one begun. In the end no instant may be lost or
have started twice, and nearly all have started within a second.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dagu_core.app.services import services
from tests.faults.chaos import Home, left_behind

DAGS = ("north", "east", "south", "west")
TICK = 'schedule: "* * * * * *"\noverlapPolicy: allow\nmaxActiveRuns: 50\nsteps: [mark %s]\n'
ENV = {"DAGU_SCHEDULER_PORT": "0", "DAGU_TZ": "UTC", "DAGU_WORKER_RUNNERS": "2"}


@dataclass
class Fires:
    """One of these soaks on one home."""

    home: Home
    options: argparse.Namespace
    schedulers: list[subprocess.Popen[str]] = field(default_factory=list)
    killed: int = 0

    def prepare(self) -> None:
        folder = self.home.path / "dags"
        folder.mkdir(parents=True)
        for name in DAGS:
            (folder / f"{name}.yaml").write_text(TICK % name)
        self.worker = self.home.begin("worker", env=ENV)
        self.schedulers = [self.begin() for _ in range(self.options.schedulers)]
        while len(self.home.ledger.entries()) < len(DAGS):
            time.sleep(0.05)

    def begin(self) -> subprocess.Popen[str]:
        return self.home.begin("scheduler", "--no-runners", env=ENV)

    def kill_leader(self) -> None:
        found = self.home.ask(lambda app: services(app, "scheduler"))
        leaders = [one.pid for one in found if one.details.get("leader")]
        for number, process in enumerate(self.schedulers):
            if process.pid in leaders:
                process.kill()
                process.wait()
                self.killed += 1
                self.schedulers[number] = self.begin()

    def go(self) -> None:
        """Until there were so many fires; the file of each DAG then goes."""
        next_kill = time.monotonic() + self.options.kill_every
        while len(self.home.ledger.entries()) < self.options.fires + len(DAGS):
            time.sleep(0.25)
            if time.monotonic() > next_kill:
                next_kill += self.options.kill_every
                self.kill_leader()
        for name in DAGS:
            (self.home.path / "dags" / f"{name}.yaml").unlink()
        time.sleep(5)
        for process in (*self.schedulers, self.worker):
            process.send_signal(signal.SIGTERM)
        for process in (*self.schedulers, self.worker):
            process.wait(30)

    def judge(self) -> list[str]:
        """What is wrong in the end; prints the figures."""
        wrong: list[str] = []
        starts: Counter[tuple[str, int]] = Counter()
        late: list[float] = []
        for entry in self.home.ledger.entries():
            at = instant(entry.run)
            starts[entry.what, int(at)] += 1
            late.append(entry.nanos / 1e9 - at)
        for name in DAGS:
            due = [at for dag, at in starts if dag == name]
            if lost := [at for at in range(min(due), max(due)) if (name, at) not in starts]:
                wrong.append(f"instants of {name} that are lost: {lost[:5]} ({len(lost)})")
        if twice := [key for key, times in starts.items() if times > 1]:
            wrong.append(f"instants that were started twice: {twice[:5]} ({len(twice)})")
        if unwell := [
            str(run.ref) for run in self.home.runs(limit=100_000) if run.status.label != "succeeded"
        ]:
            wrong.append(f"runs that did not succeed: {unwell[:5]} ({len(unwell)})")
        if left := left_behind(self.home, 10):
            wrong.append(f"processes that were left behind: {left[:5]}")
        late.sort()
        p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
        print(f"{len(late)} fires, {self.killed} leaders of {self.options.schedulers} schedulers killed")
        print(f"late by {p50:.3f} s in the middle, {p99:.3f} s at p99, {late[-1]:.3f} s at most")
        if p99 >= self.options.late:
            wrong.append(f"p99 of lateness is {p99:.2f} s")
        return wrong


def instant(run_id: str) -> float:
    """The instant that a run of a schedule stands for."""
    return datetime.strptime(run_id, "sched-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def soak(options: argparse.Namespace) -> list[str]:
    """Do it; what is wrong in the end."""
    print(f"{options.fires} fires, a leader killed every {options.kill_every:g} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        fires = Fires(Home(Path(folder) / "home"), options)
        try:
            fires.prepare()
            fires.go()
            return fires.judge()
        finally:
            fires.home.end()
