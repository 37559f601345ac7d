"""What 1,000 sleeping steps at once cost: `python -m bench.sleeping` (Linux).

Told are the resident memory of the engine and its supervisor together, and their share of one
processor over ten seconds, once all steps are at work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import processor_time, resident_memory
from bench.tools import find_tools

STEPS, SECONDS = 1_000, 10.0
_PATIENCE = 120.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        dag = Path(folder, "sleeping.yaml")
        steps = "".join(f"  - {{name: s{number}, command: sleep 600}}\n" for number in range(STEPS))
        dag.write_text(f"type: graph\nmaxActiveSteps: {STEPS}\nsteps:\n{steps}")
        env = {**os.environ, "DAGU_HOME": f"{folder}/home", "SHELL": "/bin/sh"}
        engine = subprocess.Popen(
            [find_tools(with_peer=False).ours, "start", str(dag)],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            supervisor = _at_work(engine.pid)
            before = sum(map(processor_time, (engine.pid, supervisor)))
            time.sleep(SECONDS)
            share = (sum(map(processor_time, (engine.pid, supervisor))) - before) / SECONDS
            resident = sum(map(resident_memory, (engine.pid, supervisor)))
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait(_PATIENCE)
    sys.stdout.write(f"{STEPS} sleeping steps: {resident:.0f} MB, {share:.1%} of a processor\n")


def _at_work(engine: int) -> int:
    """Wait until all steps sleep; the process that has started them."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for child in _children(engine):
            if len(_children(child)) >= STEPS:
                time.sleep(2)  # what the start has left to write down
                return child
        time.sleep(0.2)
    raise SystemExit("the steps did not start")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    main()
