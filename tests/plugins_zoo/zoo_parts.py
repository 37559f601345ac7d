"""A part of every kind that keeps its contract."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from dagu_core import (
    Attempt,
    ClockScope,
    ClockTrigger,
    Config,
    DaguError,
    Event,
    Fire,
    Guard,
    NotFound,
    Notice,
    Notifier,
    Observer,
    RunRef,
    SecretProvider,
    SecretRef,
    SecretScope,
    Tick,
    Trigger,
    TriggerScope,
)


class FileConfig(Config):
    """A file."""

    file: str = Field(description="The file.")


class LatchConfig(FileConfig):
    """A latch."""

    broken: bool = Field(False, description="Whether it cannot be used.")


class Latch(Guard):
    """A file that only one attempt at a time can make."""

    name = "latch"
    Config = LatchConfig

    @asynccontextmanager
    async def hold(self, config: Any, attempt: Attempt[Any]) -> AsyncIterator[None]:
        if config.broken:
            raise DaguError("the latch is broken")
        while True:
            try:
                os.close(os.open(config.file, os.O_CREAT | os.O_EXCL))
                break
            except FileExistsError:
                await asyncio.sleep(0.02)
        try:
            yield
        finally:
            Path(config.file).unlink()


class Slip(Notifier):
    """A line in a file when a run is over."""

    name = "slip"
    Config = FileConfig

    async def notify(self, config: Any, notice: Notice) -> None:
        if type(notice.event).__name__ == "RunEnded":
            line = f"{notice.run.summary.ref.dag}: {self.text(notice)}\n"
            with Path(config.file).open("a", encoding="utf-8") as file:
                file.write(line)

    def text(self, notice: Notice) -> str:
        return notice.run.summary.status.label


class Drawer(SecretProvider):
    """Values of a JSON file."""

    name = "drawer"

    def check(self, ref: SecretRef) -> str:
        return "" if "#" in ref.key else "write FILE#NAME"

    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        file, _, name = ref.key.partition("#")
        values = json.loads(Path(file).read_text("utf-8"))
        if name not in values:
            raise NotFound(f"there is no {ref.key}")
        return str(values[name])


class Diary(Observer):
    """The names of events in the file that DIARY names."""

    name = "diary"

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def observe(self, ref: RunRef, event: Event) -> None:
        self.lines.append(type(event).__name__)

    async def close(self) -> None:
        with Path(os.environ["DIARY"]).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in self.lines)


class BellConfig(Config):
    """How often a bell rings."""

    every: int = Field(gt=0, description="Seconds between two strokes.")
    last: float = Field(0.0, description="The last instant, 0 = none.")


class Bell(ClockTrigger):
    """Rings at multiples of a number of seconds."""

    name = "bell"
    Config = BellConfig

    @classmethod
    def read(cls, text: str) -> Mapping[str, Any] | None:
        word, _, number = text.partition(" ")
        return {"every": int(number)} if word == "@bell" and number.isdecimal() else None

    def next_after(self, config: Any, scope: ClockScope, at: float) -> Tick | None:
        due = (at // config.every + 1) * config.every
        return None if 0 < config.last < due else Tick(float(due))


class Post(Trigger):
    """Fires for every line of a file."""

    name = "post"
    Config = FileConfig

    async def fires(self, scope: TriggerScope, config: Any, cursor: Any) -> AsyncIterator[Fire]:
        done = cursor or 0
        while True:
            file = scope.folder / config.file
            self.health = "" if file.parent.is_dir() else f"{file.parent} is missing"
            lines = file.read_text("utf-8").splitlines() if file.exists() else []
            for number, line in enumerate(lines[done:], done + 1):
                done = number
                yield self.fire(number, line)
            await asyncio.sleep(0.02)

    def fire(self, number: int, line: str) -> Fire:
        return Fire(due=1.0, key=f"{number} {line}", cursor=number)
