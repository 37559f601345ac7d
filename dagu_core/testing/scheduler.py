"""A home folder with a real scheduler in a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self


class SchedulerHome:
    """`with SchedulerHome(folder) as home`: whatever it started is gone at the end.

    `environ` adds to what its processes see; `patience` = seconds `until` waits at most.
    """

    def __init__(self, home: Path, environ: Mapping[str, str] | None = None, patience: float = 25.0) -> None:
        self.home, self.patience = home, patience
        (home / "dags").mkdir(parents=True)
        known = {key: value for key, value in os.environ.items() if not key.startswith("DAGU_")}
        self._environ = {**known, "DAGU_HOME": str(home), **(environ or {})}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start a scheduler; what it says is in the file `log`."""
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dagu_core", "scheduler"],
                env=self._environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a scheduler and its runners, at once."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def dagu(self, *words: str) -> str:
        """What a command prints. Raises CalledProcessError."""
        command = [sys.executable, "-m", "dagu_core", *words]
        done = subprocess.run(command, env=self._environ, capture_output=True, check=True, text=True)
        return done.stdout

    def lines(self, name: str) -> list[str]:
        """The lines of a file in the home, none when it is not there."""
        path = self.home / name
        return path.read_text().splitlines() if path.exists() else []

    def watched(self) -> int:
        """How many triggers that keep a journal are at work."""
        return len(list((self.home / "data/triggers").glob("*/*/journal")))

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait until it is so."""
        end = time.monotonic() + self.patience
        while not is_so():
            assert time.monotonic() < end, f"{what}: {self.lines('log')}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
