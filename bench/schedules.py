"""What 10,000 scheduled DAG files cost a scheduler: `python -m bench.schedules` (Linux).

First every DAG starts once a day and none is due: told are the seconds until the scheduler leads and
until it has checked every file in the background, its resident memory, and its share of one processor
over half a minute after that. Then every DAG starts once an hour,
at a second of its own, so that about three are due each second: told is how late the starts are that
are due while it leads.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import TICK, processor_time, resident_memory
from bench.tools import find_tools

DAGS, SECONDS = 10_000, 30.0
_PATIENCE = 300.0
_LEADS = f"leading: {DAGS} scheduled DAGs"


def main() -> None:
    """Measure and print."""
    hour = time.gmtime().tm_hour
    daily = (f"{n % 60} {(hour + 2 + n % 20) % 24} * * *" for n in range(DAGS))
    hourly = (f"{n % 60} {n // 60 % 60} * * * *" for n in range(DAGS))
    with _scheduler(daily) as (pid, took, _):
        settled = took + _settle(pid)
        before = processor_time(pid)
        time.sleep(SECONDS)
        share, resident = (processor_time(pid) - before) / SECONDS, resident_memory(pid)
    sys.stdout.write(f"{DAGS} daily DAGs: leads after {took:.1f} s, has checked all after {settled:.0f} s, ")
    sys.stdout.write(f"{resident:.0f} MB, {share:.2%} of a processor\n")
    with _scheduler(hourly) as (pid, _, env):
        before, since = processor_time(pid), time.time()
        time.sleep(2 * SECONDS)
        share = (processor_time(pid) - before) / (2 * SECONDS)
        late = sorted(asyncio.run(_lateness(env, since)))
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    sys.stdout.write(f"{DAGS} hourly DAGs: {len(late)} starts, late by {p50 * 1000:.0f} ms in the middle, ")
    sys.stdout.write(
        f"{p99 * 1000:.0f} ms at p99, {late[-1] * 1000:.0f} ms at most, {share:.1%} of a processor\n"
    )


@contextmanager
def _scheduler(lines: Iterator[str]) -> Iterator[tuple[int, float, dict[str, str]]]:
    """A scheduler of its own home with a DAG for each cron line; its pid, the seconds it took to lead."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        dags = Path(folder, "dags")
        dags.mkdir()
        for number, line in enumerate(lines):
            text = f'schedule: "{line}"\nsteps:\n  - {{name: a, command: "true"}}\n'
            (dags / f"dag{number:05}.yaml").write_text(text)
        env = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
        env |= {"DAGU_HOME": folder, "DAGU_TZ": "UTC", "DAGU_SCHEDULER_PORT": "0"}
        said = Path(folder, "said")
        began = time.monotonic()
        with said.open("w") as out:
            words = [find_tools(with_peer=False).ours, "scheduler", "--no-runners"]
            process = subprocess.Popen(words, env=env, stdout=out, stderr=out)
        try:
            while _LEADS not in said.read_text():
                if process.poll() is not None or time.monotonic() > began + _PATIENCE:
                    raise SystemExit(f"the scheduler does not lead: {said.read_text()}")
                time.sleep(0.02)
            yield process.pid, time.monotonic() - began, env
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def _settle(pid: int) -> float:
    """Wait until the process has nothing to do for five seconds; how long that took."""
    began = time.monotonic()
    while time.monotonic() < began + _PATIENCE:
        before = processor_time(pid)
        time.sleep(5)
        if processor_time(pid) - before <= 2 * TICK:
            break
    return time.monotonic() - began - 5


async def _lateness(env: dict[str, str], since: float) -> list[float]:
    """Seconds between the time each run was due and the time it was in its queue, of those due `since`."""
    from dagu_core.app.app import App
    from dagu_core.base.settings import Settings
    from dagu_core.contracts.store import RunQuery

    async with App.open(Settings.load(environ=env), discover=False) as app:
        runs = await app.store.find(RunQuery(limit=DAGS))
    due = [(float(run.trigger["due"]), run.created_at) for run in runs]
    return [made - at for at, made in due if at >= since]


if __name__ == "__main__":
    main()
