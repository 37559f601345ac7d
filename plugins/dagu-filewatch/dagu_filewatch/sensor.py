"""The step type `file_sensor`: goes on as soon as a file is there, and whole."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from dagu_core import Attempt, Config, Duration, Executor, Invalid, Outcome, SystemClock, in_thread

#: how `timeout` of the system's tools ends when the time is over
TOO_LATE = 124
_WILD = re.compile(r"[*?\[]")

#: path -> what must not change while it settles
Seen = dict[str, tuple[int, ...]]


class SensorConfig(Config):
    """What to wait for."""

    path: str = Field(
        description="A file or folder, relative to the working folder of the step, or a pattern of files "
        "with `*`, `?`, `[a-z]`, `**`; `~` is the home folder."
    )
    timeout: Duration = Field(
        0.0, description="How long to wait, such as `2h`; 0 = as long as the step may take."
    )
    settle: Duration = Field(0.0, description="How long size and time must stay the same before it counts.")
    poll_interval: Duration = Field(1.0, gt=0, description="Time between two looks.")

    @field_validator("timeout", "settle", "poll_interval", mode="before")
    @classmethod
    def _have_units(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool) and value:
            raise ValueError(f"write the unit: {value}s")
        return value


class FileSensor(Executor[SensorConfig]):
    """Waits until a file is there, and prints its path."""

    name = "file_sensor"
    aliases = ("fileSensor",)
    Config = SensorConfig
    reattaches = True
    icon = "file-search"

    async def run(self, attempt: Attempt[SensorConfig]) -> Outcome:
        config = attempt.config
        if not config.path.strip() or "\0" in config.path:
            raise Invalid("no file to wait for", hint="Add `path:` to the step's config.")
        await attempt.stderr.write(f"waiting for {config.path}\n".encode("utf-8", "surrogateescape"))
        left = config.timeout - await _waited(attempt) if config.timeout else math.inf
        try:
            async with asyncio.timeout(max(left, 0.0) if config.timeout else None):
                found = await _settled(config, attempt.working_dir)
        except TimeoutError:
            return Outcome(TOO_LATE, f"{config.path} was not there within {config.timeout:g}s")
        lines = "".join(f"{path}\n" for path in sorted(found))
        await attempt.stdout.write(lines.encode("utf-8", "surrogateescape"))
        return Outcome()

    async def reattach(self, attempt: Attempt[SensorConfig]) -> Outcome:
        return await self.run(attempt)  # who waits may as well begin again


async def _waited(attempt: Attempt[SensorConfig]) -> float:
    """Seconds since the attempt began, in an engine before this one if need be."""
    note, now = attempt.scratch / "since", SystemClock().now()
    try:
        return max(now - float(note.read_text("ascii")), 0.0)
    except (FileNotFoundError, ValueError):
        note.write_text(repr(now), "ascii")
        return 0.0


async def _settled(config: SensorConfig, folder: Path) -> Seen:
    """What is there, once it has not changed for long enough."""
    before: Seen = {}
    since = 0.0
    while True:
        # A dead network mount hangs: then the thread does, and neither the engine nor a stop.
        seen = await in_thread(lambda: _look(config.path, folder), "file sensor")
        now = time.monotonic()
        if seen != before:
            before, since = seen, now
        if seen and now >= since + config.settle:
            return seen
        settles = since + config.settle - now if seen else math.inf
        await asyncio.sleep(min(config.poll_interval, max(settles, 0.0)))


def _look(path: str, folder: Path) -> Seen:
    plain = os.path.abspath(folder / os.path.expanduser(path))
    try:
        found = os.stat(plain)
    except (OSError, ValueError):
        return _matching(path, folder) if _WILD.search(path) else {}
    return {plain: (found.st_ino, found.st_size, found.st_mtime_ns)}


def _matching(pattern: str, folder: Path) -> Seen:
    from dagu_core import FileSelection, FileTracker
    from dagu_filewatch.looking import Looker

    looker = Looker(FileSelection([pattern], [], folder), follow=True, subscription=None)
    found = looker.look(FileTracker((), 0.0, 0.0), None, {})
    return {path: tuple(file[:3]) for path, file in found.files.items()}
