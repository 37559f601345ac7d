"""`make soak`: a service under work for minutes, while its processes are killed and frozen at random.

Two DAGs start every second and thousands of runs are queued, on one home with three services. The
services, runners and supervisors are killed with -9 and frozen; once, everything is. In the end no
instant and no run may be lost, and no attempt of a step may have begun twice.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.app.requests import StartRequest
from dagu_core.contracts.store import StoredRun
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus
from tests.faults.chaos import Entry, Home, command_of, kill_everything, left_behind
from tests.soak import fires, verdict
from tests.soak.fires import instant

TICKS = ("east", "west")
TICK = 'schedule: "* * * * * *"\noverlapPolicy: allow\nmaxActiveRuns: 50\nsteps: [mark start]\n'
WORK = """queue: work
steps:
  - {name: a, command: mark start && sleep 0.2 && mark end}
  - name: b
    command: mark start && sleep 0.3 && mark end
    onCrash: retry
    retryPolicy: {limit: 5, intervalSec: 0}
  - {name: c, command: mark start && mark end}
"""
CONFIG = "queues:\n  config: [{name: work, maxConcurrency: %d}]\n"
WORKS = verdict.Kind(("a", "b", "c"), frozenset("b"))
#: kinds of processes whose memory is looked at, by a word of their command lines
KINDS = {"start-all": "a service", "runner_process": "a runner"}
#: seconds: how long a runner is frozen, and between two looks at memory
FREEZE, WEIGHED = 20.0, 5.0
ENV = {"DAGU_SCHEDULER_PORT": "0", "DAGU_TZ": "UTC", "DAGU_WORKER_RUNNERS": "1"}


@dataclass
class Soak:
    """One soak on one home."""

    home: Home
    options: argparse.Namespace
    chance: random.Random
    services: list[subprocess.Popen[str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    #: when nothing lived for a moment (epoch seconds)
    dark: list[float] = field(default_factory=list)
    frozen: dict[int, float] = field(default_factory=dict)
    #: from when to when a runner was frozen (epoch seconds)
    freezes: list[tuple[float, float]] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def prepare(self) -> None:
        folder = self.home.path / "dags"
        folder.mkdir(parents=True)
        for name in TICKS:
            (folder / f"{name}.yaml").write_text(TICK)
        self.work = Path(self.home.write("work", WORK))
        (self.home.path / "config.yaml").write_text(CONFIG % self.options.limit)
        self.services = [self.begin() for _ in range(3)]

    def begin(self) -> subprocess.Popen[str]:
        return self.home.begin("start-all", env=ENV)

    def enqueue(self, first: int, count: int) -> None:
        async def work(app: Any) -> None:
            for number in range(first, first + count):
                await app.runs.enqueue(StartRequest(dag=str(self.work), run_id=f"w{number:06}"))

        self.home.ask(work)

    def torment(self) -> None:
        """Hurt something; then have three services again."""
        hurt = self.chance.choices(
            [self.kill_service, self.kill("runner_process"), self.kill("supervisor"), self.freeze_runner],
            [10, 10, 2, 1],
        )[0]
        hurt()
        for number, service in enumerate(self.services):
            if service.poll() is not None:
                self.services[number] = self.begin()

    def kill_service(self) -> None:
        """The eldest: it is the one that leads."""
        self.services.append(self.services.pop(0))
        self.services[-1].kill()
        self.services[-1].wait()
        self.done["services killed"] += 1

    def kill(self, what: str) -> Callable[[], None]:
        def hurt() -> None:
            found = [pid for pid in self.home.orphans() if what in command_of(pid)]
            if found:
                _signal(self.chance.choice(found), signal.SIGKILL)
                self.done[f"{what} killed"] += 1

        return hurt

    def freeze_runner(self) -> None:
        found = [pid for pid in self.home.orphans() if "runner_process" in command_of(pid)]
        if found:
            pid = self.chance.choice(found)
            _signal(pid, signal.SIGSTOP)
            self.frozen[pid] = time.monotonic() + FREEZE
            self.freezes.append((time.time(), time.time() + FREEZE + 2))
            self.done["runners frozen"] += 1

    def thaw(self, everything: bool = False) -> None:
        for pid, until in list(self.frozen.items()):
            if everything or time.monotonic() > until:
                _signal(pid, signal.SIGCONT)
                del self.frozen[pid]

    def weigh(self) -> None:
        """See how much memory services and runners have."""
        commands = {pid: command_of(pid) for pid in self.home.orphans()}
        for kind, found in verdict.sizes(commands, KINDS, commands).items():
            self.memory[kind] += found

    def go(self) -> None:
        began = time.monotonic()
        end = began + self.options.minutes * 60
        queued, next_hurt, blackout = 0, began + 10, began + self.options.minutes * 30
        next_look = began + WEIGHED
        while (now := time.monotonic()) < end:
            share = min(1.0, (now - began) / (0.8 * (end - began)))
            wanted = round(self.options.runs * share)
            if wanted - queued >= 20 or (share == 1.0 and wanted > queued):
                self.enqueue(queued, wanted - queued)
                queued = wanted
            if now > next_hurt:
                self.torment()
                next_hurt = now + self.chance.uniform(0.3, 1.7) * self.options.every
            if blackout and now > blackout:
                blackout = 0.0
                kill_everything(self.home)
                for service in self.services:
                    service.wait()
                self.dark.append(time.time())
                self.done["everything killed"] += 1
                self.services = [self.begin() for _ in range(3)]
            if now > next_look:
                next_look += WEIGHED
                self.weigh()
            self.thaw()
            time.sleep(0.1)
        self.thaw(everything=True)
        self.queued = queued

    def settle(self) -> None:
        """Let everything come to its end, then stop the services."""
        self.last = int(time.time()) - 5
        for name in TICKS:
            (self.home.path / "dags" / f"{name}.yaml").unlink()
        until = time.monotonic() + 300
        from dagu_core.app.overlap import ACTIVE

        while self.home.runs(statuses=ACTIVE, limit=1) and time.monotonic() < until:
            time.sleep(0.5)
        for service in self.services:
            service.send_signal(signal.SIGTERM)
        for service in self.services:
            service.wait(30)

    def judge(self) -> list[str]:
        """What is wrong in the end; prints the figures."""
        wrong: list[str] = []
        entries = self.home.ledger.entries()
        runs = self.home.runs(limit=1_000_000)
        mine = [run for run in runs if run.ref.dag == "work"]
        statuses = Counter(run.status.label for run in mine)
        if sum(statuses.values()) != self.queued:
            wrong.append(f"{self.queued - sum(statuses.values())} queued runs are lost")
        if set(statuses) - {"succeeded", "failed"}:
            wrong.append(f"runs that did not end: {dict(statuses)}")
        marks = [entry for entry in entries if entry.run[0] == "w"]
        starts = Counter((entry.run, entry.step, entry.attempt) for entry in marks if entry.what == "start")
        twice = [key for key, times in starts.items() if times > 1]
        if twice:
            wrong.append(f"attempts that began twice: {twice[:5]} ({len(twice)})")
        wrong += self.judge_ticks(entries, runs)
        wrong += self.judge_ends(marks, runs)
        wrong += verdict.of_memory(self.memory)
        for kind, seen in self.memory.items():
            print(f"{kind}: {min(seen):.0f} to {max(seen):.0f} MiB in {len(seen)} looks")
        if (most := verdict.most_at_once(marks, mine)) > self.options.limit:
            wrong.append(f"{most} runs at once, {self.options.limit} are allowed")
        if left := left_behind(self.home, 10):
            wrong.append(f"processes that were left behind: {left[:5]}")
        wrong += verdict.of_what_is_left(self.home)
        print(f"work: {dict(statuses)}, at most {most} at once; done to it: {dict(self.done)}")
        return wrong

    def judge_ends(self, marks: list[Entry], runs: list[RunSummary]) -> list[str]:
        """Whether each run ended as it should, and how long those of dead processes had no other one."""
        failed = [run.ref for run in runs if run.status is RunStatus.FAILED]
        recovered = [run.ref for run in runs if run.recoveries]

        async def read(app: Any) -> tuple[list[StoredRun], list[list[Event]]]:
            pages = [await app.history.events(ref) for ref in recovered]
            return [await app.store.load(ref) for ref in failed], [[one for _, one in page] for page in pages]

        stored, histories = self.home.ask(read)
        well = [run for run in runs if run.ref.dag == "work" and run.status is RunStatus.SUCCEEDED]
        ticks = [run for run in stored if run.summary.ref.dag in TICKS]
        wrong = verdict.of_the_well(WORKS, well, marks)
        wrong += verdict.of_the_failed(WORKS, (run for run in stored if run.summary.ref.dag == "work"), marks)
        wrong += verdict.of_the_failed(verdict.Kind(("cmd_1",)), ticks, ())
        took = verdict.recoveries(histories, self.freezes)
        if took:
            middle, most = took[len(took) // 2], took[-1]
            print(f"{len(took)} recoveries, {middle:.2f} s in the middle, {most:.2f} s at most")
        found = wrong + verdict.of_recoveries(took)
        return found[:10] + ([f"and {len(found) - 10} more like these"] if len(found) > 10 else [])

    def judge_ticks(self, entries: list[Any], runs: list[Any]) -> list[str]:
        wrong = []
        late = []
        starts = Counter(e.run for e in entries if e.what == "start" and e.run.startswith("sched-"))
        for name in TICKS:
            due = {int(instant(run.ref.run_id)) for run in runs if run.ref.dag == name}
            lost = [second for second in range(min(due), min(self.last, max(due))) if second not in due]
            if lost:
                wrong.append(f"instants of {name} that are lost: {lost[:5]} ({len(lost)})")
        if max(starts.values()) > len(TICKS):
            wrong.append("an instant was started twice")
        for entry in entries:
            if entry.what == "start" and entry.run.startswith("sched-"):
                at = instant(entry.run)
                if not any(0 <= at - dark + 5 < 15 for dark in self.dark):
                    late.append(entry.nanos / 1e9 - at)
        late.sort()
        p99 = late[int(len(late) * 0.99)]
        print(f"ticks: {len(late)}, late by {late[len(late) // 2]:.3f} s in the middle, {p99:.3f} s at p99")
        if p99 >= self.options.late:
            wrong.append(f"p99 of lateness is {p99:.2f} s")
        return wrong


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _soak(options: argparse.Namespace) -> list[str]:
    print(f"seed {options.seed}: {options.runs} runs in {options.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak = Soak(Home(Path(folder) / "home"), options, random.Random(options.seed))
        try:
            soak.prepare()
            soak.go()
            soak.settle()
            return soak.judge()
        finally:
            soak.home.end()


def main() -> int:
    """Exit code 0 when everything held."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long it works (default: 10)")
    parser.add_argument("--runs", type=int, default=4000, help="runs that are queued (default: 4000)")
    parser.add_argument("--limit", type=int, default=20, help="how many of them at once (default: 20)")
    parser.add_argument("--every", type=float, default=6, help="seconds between two hurts (default: 6)")
    parser.add_argument("--late", type=float, default=1.0, help="bound of p99 lateness (default: 1 s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="repeat a soak")
    parser.add_argument("--fires", type=int, default=0, help="so many fires instead, see tests/soak/fires.py")
    parser.add_argument("--schedulers", type=int, default=3, help="schedulers, with --fires (default: 3)")
    parser.add_argument("--kill-every", type=float, default=20, help="seconds, with --fires (default: 20)")
    options = parser.parse_args()
    wrong = fires.soak(options) if options.fires else _soak(options)
    for each in wrong:
        print(f"WRONG: {each}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
