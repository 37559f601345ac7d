"""What a step leaves behind: processes, tasks, threads, temporary files, secrets in files."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dagu_core.base.encodings import variants

#: threads of `BlockingExecutor`, which are daemons but must end all the same
_OF_STEPS = ("step ", "stop of step ")


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let this process make its temporary files in `folder`, where they can be counted."""
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


async def left_behind(home: Path, threads: set[threading.Thread], temporary: Path) -> list[str]:
    """What is still there a moment after the end; `threads` are those that were there before."""
    found: list[str] = []
    for _ in range(50):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        found = [f"task {each.get_name()}" for each in tasks]
        found += [f"thread {each.name}" for each in threading.enumerate() if _counts(each, threads)]
        found += [f"process {pid}" for pid in processes_of(home)]
        found += [f"file {path.name}" for path in temporary.iterdir()]
        if not found:
            break
        await asyncio.sleep(0.05)
    return found


def _counts(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    # Workers of the loop's own pool wait for work as long as the loop lives; daemons may belong to
    # a server of the test.
    if thread in before or thread.name.startswith("asyncio_"):
        return False
    return not thread.daemon or thread.name.startswith(_OF_STEPS)


def processes_of(home: Path) -> list[int]:
    """Processes that were given this home; on Linux only, elsewhere none are found."""
    mark, found = f"DAGU_HOME={home}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            alive = (entry / "stat").read_bytes().rpartition(b") ")[2][:1] not in b"ZX"
            if alive and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def leaks(home: Path, secrets: Sequence[str]) -> list[str]:
    """Files below `home` (logs, rows of the store, working files) that hold one of the secrets, in
    any form in which programs print values."""
    needles = [form for secret in secrets for form in variants(secret)]
    found = []
    for path in sorted(home.rglob("*")) if needles else []:
        if path.is_file() and any(needle in path.read_bytes() for needle in needles):
            found.append(str(path.relative_to(home)))
    return found
