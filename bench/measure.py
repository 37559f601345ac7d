"""Says what a command took, from its start to its end, and what a living process has taken so far."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: the kernel counts the peak in kilobytes, on macOS in bytes
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
#: seconds of one tick, the least a processor's time is told in
TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured command: wall seconds and the peak resident bytes of its largest process."""

    seconds: float
    peak: int


class Failed(Exception):
    """A contestant did not do the work."""


def measure(argv: Sequence[str], home: Path) -> Sample:
    """Run `argv` with `home` as its empty DAGU_HOME. Raises Failed unless it exits 0."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["DAGU_HOME"] = str(home)
    # ninja gives every command to sh; the others would take whatever shell the user likes.
    env["SHELL"] = "/bin/sh"
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            argv, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code != 0:
            said.seek(0)
            tail = said.read()[-2000:].decode(errors="replace")
            raise Failed(f"{' '.join(argv)}: exit code {code}\n{tail}")
    return Sample(seconds, usage.ru_maxrss * _RSS_UNIT)


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure."""
    return Sample(median(s.seconds for s in samples), int(median(s.peak for s in samples)))


def processor_time(pid: int) -> float:
    """Seconds of a processor a living process has had so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def resident_memory(pid: int) -> float:
    """Megabytes of memory a living process holds now (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
