"""Where a run's files lie: its own log, the logs of its steps, its private working files."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from dagu_core.base.clock import utc
from dagu_core.base.names import safe_name
from dagu_core.engine import kernel
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import LogOutput
from dagu_core.model.run.run import RunRef

FILE_MODE = 0o600


class RunFiles(Struct, frozen=True):
    """The files of one attempt of a run. `run_dir` is shared by all attempts of the run,
    `step_dir` belongs to this one, `work` holds status files and scratch folders of steps."""

    run_dir: Path
    step_dir: Path
    log: Path
    work: Path
    attempt: str
    stamp: str
    short_id: str

    def create(self) -> None:
        """Make the folders. Raises OSError, which names the path."""
        for folder in (self.step_dir, self.work):
            make_folder(folder)

    def step_logs(self, node: PlannedStep, merged: bool) -> tuple[str, str]:
        """The paths of the stdout and stderr log of a step; the same one when merged."""
        stem = f"{safe_name(node.name)}.{self.stamp}.{self.short_id}"
        # Two names may become one safe name: the index tells them apart.
        if safe_name(node.name) != node.name:
            stem = f"{node.index}.{stem}"
        if merged:
            return f"{self.step_dir}/{stem}.log", f"{self.step_dir}/{stem}.log"
        return f"{self.step_dir}/{stem}.out", f"{self.step_dir}/{stem}.err"

    # Text, not paths: thousands of them are made in a run, and handed to the kernel as they are.

    def status(self, index: int, number: int) -> str:
        """The status file of one attempt of a step, in this attempt of the run."""
        return f"{self.work}/{self.attempt}.{index}.{number}"

    def filter_lock(self, index: int, number: int) -> str:
        """The file a filter of one attempt holds locked."""
        return f"{self.work}/{self.attempt}.{index}.{number}.filter"

    def scratch(self, index: int, number: int) -> str:
        """The private folder of one attempt of a step; not created yet."""
        return f"{self.work}/{self.attempt}.{index}.{number}.d"

    def forget(self, index: int, number: int) -> None:
        """Remove the working files of an attempt whose end is on record."""
        lock = self.filter_lock(index, number)
        for path in (self.status(index, number), lock, captured_beside(lock)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        shutil.rmtree(self.scratch(index, number), ignore_errors=True)


def captured_beside(lock: str) -> str:
    """Where the filter that holds `lock` puts what it captures."""
    return f"{lock.removesuffix('.filter')}.captured"


def make_folder(folder: str | Path) -> None:
    """Create a folder and its parents with the house's mode, whatever the umask."""
    kernel.make_folder(str(folder))


def write_private(path: str | Path, data: bytes) -> None:
    """Write a file that nobody else can read at any moment, whatever the umask. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with open(file, "wb") as out:
        os.fchmod(file, FILE_MODE)
        out.write(data)


def run_files(
    ref: RunRef, attempt_id: str, *, created: float, started: float, logs: Path, data: Path
) -> RunFiles:
    """Lay out the files of an attempt. `logs` is the log folder in force for the DAG."""
    begun = f"{utc(created):%Y%m%d_%H%M%SZ}"
    run_dir = logs / safe_name(ref.dag) / f"dag-run_{begun}_{ref.run_id}"
    local = datetime.fromtimestamp(started)
    stamp = f"{local:%Y%m%d.%H%M%S}.{local.microsecond // 1000:03d}"
    short = ref.run_id[:8]
    first = datetime.fromtimestamp(created)
    log_stamp = f"{first:%Y%m%d.%H%M%S}.{first.microsecond // 1000:03d}"
    return RunFiles(
        run_dir=run_dir,
        step_dir=run_dir / f"run_{utc(started):%Y%m%d_%H%M%SZ}_{attempt_id}",
        log=run_dir / f"dag-run_{log_stamp}.{short}.log",
        work=work_folder(data, ref),
        attempt=attempt_id,
        stamp=stamp,
        short_id=short,
    )


def work_folder(data: Path, ref: RunRef) -> Path:
    """Where the engine keeps status files and scratch folders of a run while it is active."""
    return data / "work" / f"{safe_name(ref.dag)}.{ref.run_id}"


def is_merged(node: PlannedStep, default: LogOutput) -> bool:
    """Whether this step writes both streams into one file."""
    return (node.log_output or default) is LogOutput.MERGED


def size_of(path: str | Path) -> int:
    """The bytes of a file; 0 when there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def may_not_fit(folder: Path, size: int) -> bool:
    """Whether the disk of `folder` may have no room for so many bytes."""
    try:
        return kernel.free_space(str(folder)) < size
    except OSError:
        return False


def tail(path: str | Path, size: int, start: int = 0) -> bytes:
    """The last `size` bytes of a file, never before offset `start`; b"" when it is missing."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - size))
            return file.read(size)
    except OSError:
        return b""


def log_folder(plan: Plan, default: Path, environ: Mapping[str, str]) -> Path:
    """The folder for the logs of a DAG: its own `logDir`, relative to its file, or `default`."""
    if not plan.log_dir:
        return default
    from string import Template

    folder = Path(os.path.expanduser(Template(plan.log_dir).safe_substitute(environ)))
    if not folder.is_absolute() and plan.source.path:
        folder = Path(plan.source.path).parent / folder
    return Path(os.path.normpath(folder.absolute()))
