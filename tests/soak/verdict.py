"""What must hold when a soak is over: how runs ended, what they left, what it took of time and memory."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from dagu_core.contracts.store import StoredRun
from dagu_core.model.run.events import Event, RunRecovered
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import StepStatus
from dagu_core.service.housekeeping import LEASE
from tests.faults.chaos import Entry, Home

#: how much larger processes may be in the second half, and seconds within which a run has an owner again
GROWTH, RECOVERY = 1.10, 15.0
#: seconds a process lives until its size counts, and the size in MiB below which growth is no matter
_YOUNG, _SMALL = 5.0, 2.0


@dataclass(frozen=True)
class Kind:
    """A DAG of a soak: its steps in order, and those of them that may be run again after a crash."""

    steps: tuple[str, ...]
    again: frozenset[str] = frozenset()


def of_the_well(kind: Kind, runs: Iterable[RunSummary], entries: Iterable[Entry]) -> list[str]:
    """Every run that succeeded has begun and ended each step in order, once unless it may be repeated."""
    marks = _marks(entries)
    wrong = []
    for run in runs:
        mine, before = marks[run.ref.run_id], 0
        for step in kind.steps:
            begun, ended = mine[step, "start"], mine[step, "end"]
            once = step in kind.again or (len(begun) == 1 and len(ended) == 1)
            if not (begun and ended and once and begun[-1] <= ended[-1] and begun[0] >= before):
                wrong.append(
                    f"{run.ref} succeeded, but {step} began {len(begun)} and ended {len(ended)} times"
                )
                break
            before = ended[-1]
    return wrong


def of_the_failed(kind: Kind, runs: Iterable[StoredRun], entries: Iterable[Entry]) -> list[str]:
    """Every run that failed lost a step, or its engine too often; nothing began behind a lost step."""
    marks = _marks(entries)
    wrong = []
    for run in runs:
        summary, steps = run.summary, run.steps
        failed = [name for name in kind.steps if name in steps and steps[name].status is StepStatus.FAILED]
        lost = [name for name in failed if steps[name].error.startswith("lost")]
        if "recovery limit" not in summary.error and (failed != lost or not lost):
            told = summary.error or next((steps[name].error for name in failed), "")
            wrong.append(f"{summary.ref} failed, but nothing of it was lost: {told}")
        behind = kind.steps[kind.steps.index(lost[0]) + 1 :] if lost else ()
        if begun := [name for name in behind if marks[summary.ref.run_id][name, "start"]]:
            wrong.append(f"{summary.ref} lost {lost[0]}, and yet {', '.join(begun)} began")
    return wrong


def of_what_is_left(home: Home, patience: float = 10.0) -> list[str]:
    """No slot is taken, no run waits, no lease has an owner and no lock is there when all have ended."""
    until = time.monotonic() + patience
    while (locks := home.locks()) and time.monotonic() < until:
        time.sleep(0.1)
    wrong = [f"locks that were left: {locks[:5]} ({len(locks)})"] if locks else []
    for queue in home.ask(lambda app: app.store.queues()):
        wrong.append(
            f"queue {queue.name}: {queue.slots_used} slots in use, {queue.waiting + queue.owned} wait"
        )
    with closing(sqlite3.connect(f"file:{home.path / 'data' / 'dagu.db'}?mode=ro", uri=True)) as db:
        held = [key for (key,) in db.execute("SELECT key FROM leases WHERE owner <> ''")]
    held = [key for key in held if key != LEASE]  # that one says it was done lately
    return wrong + ([f"leases that were left: {held}"] if held else [])


def recoveries(histories: Iterable[Sequence[Event]], frozen: Iterable[tuple[float, float]]) -> list[float]:
    """Seconds without a word of a run until another process had it, each time; a little more than it took.
    The times (epoch seconds, from and to) in which its process was frozen do not count: it lived."""
    stretches, found = list(frozen), []
    for events in histories:
        for before, event in pairwise(events):
            if isinstance(event, RunRecovered) and not any(
                begin < event.at and before.at < end for begin, end in stretches
            ):
                found.append(event.at - before.at)
    return sorted(found)


def of_recoveries(found: Sequence[float]) -> list[str]:
    """99 of 100 runs whose process died had another one in time."""
    if not found:
        return []
    p99 = found[int(len(found) * 0.99)]
    return [f"p99 of recovery is {p99:.1f} s"] if p99 > RECOVERY else []


def of_memory(samples: Mapping[str, Sequence[float]]) -> list[str]:
    """No kind of process is larger in the second half than in the first one; `samples` in MiB, in order."""
    wrong = []
    for kind, seen in samples.items():
        half = len(seen) // 2
        if not half:
            continue
        first, last = median(seen[:half]), median(seen[half:])
        if last > first * GROWTH and last - first > _SMALL:
            wrong.append(f"{kind} grew from {first:.0f} to {last:.0f} MiB")
    return wrong


def sizes(
    pids: Iterable[int], kinds: Mapping[str, str], commands: Mapping[int, str]
) -> dict[str, list[float]]:
    """MiB of memory of the processes that are no longer young, by kind; `kinds` maps a word of a command
    line to its kind."""
    found: dict[str, list[float]] = defaultdict(list)
    for pid in pids:
        kind = next((kind for word, kind in kinds.items() if word in commands.get(pid, "")), "")
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, IndexError):
            continue
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        if kind and age > _YOUNG:
            found[kind].append(pages / 256)
    return found


def _marks(entries: Iterable[Entry]) -> dict[str, dict[tuple[str, str], list[int]]]:
    """When each run wrote each mark of each step, in nanoseconds: {run: {(step, what): [...]}}."""
    found: dict[str, dict[tuple[str, str], list[int]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        found[entry.run][entry.step, entry.what].append(entry.nanos)
    return found


def most_at_once(entries: Iterable[Entry], runs: Iterable[RunSummary]) -> int:
    """The most steps of runs that were at work at once; one run works on one at a time. A step that was
    killed marks no end: it is over when its run is."""
    moves = [(e.nanos, 1 if e.what == "start" else -1, e.run) for e in entries]
    moves += [(int(run.finished_at * 1e9), -1, run.ref.run_id) for run in runs if run.finished_at]
    moves.sort()
    active: Counter[str] = Counter()
    most = 0
    for _, move, run in moves:
        active[run] = max(0, move)
        most = max(most, sum(active.values()))
    return most
