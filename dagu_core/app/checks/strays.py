"""Looks for processes of steps, and of ours, that belong to nothing any more; ends them if asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.base.errors import DaguError, NotFound
from dagu_core.contracts.executor import MARK
from dagu_core.contracts.store import RunQuery, StoredRun
from dagu_core.engine.logs import work_folder
from dagu_core.engine.supervisor import STATUS_FD

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: what the command line of our own processes holds, which steps do not start
_OURS = (b"dagu_core.engine.supervisor", b"dagu_core.engine.filter", b"dagu_core.service.runner_process")
#: seconds: a process this young may belong to something that is being recorded at the moment; one
#: that is told to end may take so long before it is killed
YOUNG, GRACE = 1.0, 2.0


class Process(Struct, frozen=True):
    """A process of some home: `status` is the file that tells how its attempt fares (None: it is
    one of ours), `home` what its environment says."""

    pid: int
    began: bytes
    command: str
    home: str
    status: Path | None


async def strays(app: App, treatment: Treatment) -> list[Finding]:
    """Processes of attempts that are over or unknown, and of homes that are gone."""
    suspects = [(one, why) for one in _processes() if (why := await _astray(app, one))]
    if suspects:
        # What was about to end, or to be recorded, has done so by now.
        await asyncio.sleep(YOUNG)
        suspects = [(one, why) for one, _ in suspects if _lives(one) and (why := await _astray(app, one))]
    ended = await _end([one for one, _ in suspects]) if treatment.kill else set()
    return [
        Finding(
            "processes",
            "error",
            why,
            f"pid {one.pid}: {one.command}",
            "`--kill` ends it",
            "ended" if one.pid in ended else "",
        )
        for one, why in suspects
    ]


async def _astray(app: App, process: Process) -> str:
    """Why nobody wants the process any more; "" = somebody does, or it is not for us to say."""
    work = app.settings.paths.work
    if process.status is None or process.status.parent.parent != work:
        gone = _home_of(process)
        return f"its home is gone: {gone}" if gone is not None and not gone.exists() else ""
    folder, (attempt, index, number) = process.status.parent, process.status.name.split(".")[:3]
    try:
        stored = await _run_of(app, folder)
        if stored is None:
            return "its run is not on record"
        return await _of_no_attempt(app, stored, attempt, int(index), int(number))
    except (DaguError, ValueError):
        return ""  # who knows


async def _of_no_attempt(app: App, stored: StoredRun, attempt: str, index: int, number: int) -> str:
    summary = stored.summary
    try:
        source = await app.store.definition(summary.definition)
        plan = app.dags.plan_of(source, name=summary.ref.dag, as_child=summary.parent is not None)
    except DaguError:
        # Whether it was meant to live on nobody can tell any more.
        return f"run {summary.ref} is over" if summary.status.is_over else ""
    node = plan.nodes[index] if index < len(plan.nodes) else None
    if node is not None and node.detach:
        return ""
    if summary.status.is_over:
        return f"run {summary.ref} is over"
    if node is None or attempt != summary.attempt_id:
        return f"an earlier attempt of run {summary.ref} is over"
    step = stored.steps.get(node.name)
    if step is None or number >= step.attempts:
        return ""  # the attempt that is at work, or one that is just being recorded
    return f"attempt {number} of step {node.name} of run {summary.ref} is over"


async def _run_of(app: App, folder: Path) -> StoredRun | None:
    """The run whose working files are in this folder."""
    run_id = folder.name.rpartition(".")[2]
    query = RunQuery(run_id=run_id, exact=True, roots_only=False, limit=1000)
    for one in await app.store.find(query):
        if work_folder(app.settings.paths.data, one.ref) == folder:
            with contextlib.suppress(NotFound):
                return await app.store.load(one.ref)
    return None


def _home_of(process: Process) -> Path | None:
    """The folder without which the process has nobody to report to."""
    if process.status is not None:
        return process.status.parents[2]
    return Path(process.home) if process.home else None


def _processes() -> Iterator[Process]:
    """Every process that says it is of a step or of ours, as far as we may look."""
    mark = f"{MARK}=".encode()
    # Paths mean something else to processes of another container.
    space = os.readlink("/proc/self/ns/mnt") if os.path.isdir("/proc/self/ns") else ""
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if space and os.readlink(f"/proc/{name}/ns/mnt") != space:
                continue
            environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
            token = next((word[len(mark) :] for word in environ if word.startswith(mark)), b"")
            status = _status_file(os.fsdecode(token)) or _status_kept(int(name))
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            ours = any(word in command for word in _OURS)
            if not (ours or status) or _is_dead(int(name)):
                continue
            home = next((word[10:] for word in environ if word.startswith(b"DAGU_HOME=")), b"")
            yield Process(
                int(name),
                _began(int(name)),
                command.replace(b"\0", b" ").decode(errors="replace").strip()[:100],
                os.fsdecode(home),
                # One of ours may carry the mark of a step that started dagu.
                None if ours else status,
            )


def _status_file(text: str) -> Path | None:
    """The path of a status file, None when it is something else: DATA/work/RUN/ATTEMPT.INDEX.NUMBER."""
    path = Path(text)
    fits = path.is_absolute() and len(path.parents) > 3 and path.parents[1].name == "work"
    return path if fits and path.name.count(".") == 2 else None


def _status_kept(pid: int) -> Path | None:
    """The status file the process keeps open: a program may have cleared its environment."""
    with contextlib.suppress(OSError):
        return _status_file(os.readlink(f"/proc/{pid}/fd/{STATUS_FD}").removesuffix(" (deleted)"))
    return None


def _stat(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()


def _is_dead(pid: int) -> bool:
    return _stat(pid)[0] in (b"Z", b"X")


def _began(pid: int) -> bytes:
    """When it began, in the kernel's ticks: with the pid it names a process for good."""
    return _stat(pid)[19]


def _lives(process: Process) -> bool:
    with contextlib.suppress(OSError):
        return _began(process.pid) == process.began and not _is_dead(process.pid)
    return False


async def _end(processes: list[Process]) -> set[int]:
    """Tell them to end, kill what does not; those that are gone."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        for one in processes:
            if _lives(one):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(one.pid, number)
        until = time.monotonic() + patience
        while any(map(_lives, processes)) and time.monotonic() < until:
            await asyncio.sleep(0.02)
    return {one.pid for one in processes if not _lives(one)}
