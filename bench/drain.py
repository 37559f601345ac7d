"""How fast a service drains 100 queued one-step runs: `python -m bench.drain`.

Both engines find the same queue (8 at once) full when their service starts; each run appends the
time to a file. Told are the seconds from the first run to the last, and from the start of the
service; for ours also how long a run that comes into an idle queue waits for its first step.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.tools import find_tools

RUNS, AT_ONCE = 100, 8
_CONFIG = f"queues: {{enabled: true, config: [{{name: q, maxConcurrency: {AT_ONCE}}}]}}\n"
_PATIENCE = 120.0


def main() -> None:
    """Measure both and print the ratios."""
    tools = find_tools()
    ours = _drain([tools.ours, "worker"], ours=True)
    sys.stdout.write(f"ours: {ours[0]:.2f} s from the first run to the last, {ours[1]:.2f} s in all\n")
    sys.stdout.write(f"ours: enqueue to first step, median of 50: {ours[2] * 1000:.0f} ms\n")
    if tools.peer:
        peer = _drain([tools.peer, "scheduler"], enqueue=[tools.peer, "enqueue"])
        sys.stdout.write(f"peer: {peer[0]:.2f} s from the first run to the last, {peer[1]:.2f} s in all\n")
        sys.stdout.write(f"peer / ours: {peer[0] / ours[0]:.1f} x, in all {peer[1] / ours[1]:.1f} x\n")


def _drain(
    service: list[str], *, enqueue: list[str] | None = None, ours: bool = False
) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory(prefix="drain-") as folder:
        home = Path(folder)
        told = home / "told"
        (home / "config.yaml").write_text(_CONFIG)
        (home / "dags").mkdir()
        dag = home / "dags" / "one.yaml"
        dag.write_text(f"name: one\nqueue: q\nsteps:\n  - {{name: a, command: 'date +%s%N >> {told}'}}\n")
        env = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
        env |= {"DAGU_HOME": str(home), "SHELL": "/bin/sh"}
        if ours:
            asyncio.run(_enqueue(env, dag, RUNS))
        for _ in range(0 if ours else RUNS):
            subprocess.run([*(enqueue or ()), str(dag)], env=env, check=True, capture_output=True)
        began = time.time()
        process = subprocess.Popen(service, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            times = _wait(told, RUNS)
            waited = asyncio.run(_latency(env, dag, told)) if ours else 0.0
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        return times[-1] - times[0], times[-1] - began, waited


def _wait(told: Path, lines: int) -> list[float]:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        found = sorted(int(line) / 1e9 for line in told.read_text().split()) if told.exists() else []
        if len(found) >= lines:
            return found
        time.sleep(0.01)
    raise SystemExit(f"only {len(found)} of {lines} runs within {_PATIENCE:g} s")


async def _enqueue(env: dict[str, str], dag: Path, runs: int) -> None:
    from dagu_core.app.app import App
    from dagu_core.app.requests import StartRequest
    from dagu_core.base.settings import Settings

    async with App.open(Settings.load(environ=env)) as app:
        for _ in range(runs):
            await app.runs.enqueue(StartRequest(dag=str(dag)))


async def _latency(env: dict[str, str], dag: Path, told: Path) -> float:
    from dagu_core.app.app import App
    from dagu_core.app.requests import StartRequest
    from dagu_core.base.settings import Settings

    waited = []
    async with App.open(Settings.load(environ=env)) as app:
        for number in range(50):
            began = time.time()
            await app.runs.enqueue(StartRequest(dag=str(dag)))
            waited.append(_wait(told, RUNS + number + 1)[-1] - began)
    return median(waited)


if __name__ == "__main__":
    main()
