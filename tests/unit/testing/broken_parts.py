"""Toy parts, each wrong in one way that a suite must notice."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dagu_core import Fire, NotFound, Tick

sys.path.append(str(Path(__file__).parents[2] / "plugins_zoo"))

import zoo_parts as zoo


def holding(hold: Any) -> type[Any]:
    """A guard whose `hold` is this one."""
    return type("Broken", (zoo.Latch,), {"hold": asynccontextmanager(hold), "__doc__": "Broken."})


async def refuses(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    raise NotFound("nobody comes in")
    yield


async def keeps(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    while (file := Path(config.file)).exists():
        await asyncio.sleep(0.02)
    file.touch()
    yield


async def forgets_failures(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    async for _ in keeps(self, config, attempt):
        yield
    if attempt.number > 5:
        Path(config.file).unlink()


async def lets_all_in(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    yield


async def slow_to_let_go(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if attempt.commands[0] == "sleep 60":
            asyncio.get_running_loop().keep = asyncio.create_task(asyncio.sleep(30))  # type: ignore[attr-defined]


async def breaks(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    raise KeyError("latch")
    yield


async def never_mind(self: Any, config: Any, attempt: Any) -> AsyncIterator[None]:
    for _ in range(2):
        try:
            await asyncio.sleep(7)
        except asyncio.CancelledError:
            continue
    yield


def part_with(base: type, **more: Any) -> type[Any]:
    return type("Broken", (base,), {"__doc__": "Broken.", **more})


async def says_nothing(self: Any, config: Any, notice: Any) -> None:
    pass


async def leaves_a_task(self: Any, config: Any, notice: Any) -> None:
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(30))  # type: ignore[attr-defined]


def tells_logs(self: Any, notice: Any) -> str:
    import os

    return os.environ.get("SOURCE", "swordfish-0042/&'\"x")


async def tells(self: Any, ref: Any, scope: Any) -> str:
    raise NotFound("it is not open-sesame-42")


async def guesses(self: Any, ref: Any, scope: Any) -> str:
    return "guess" if ref.key.endswith("less") else "wrong"


async def keeps_a_copy(self: Any, ref: Any, scope: Any) -> str:
    (Path(scope.environ["DAGU_HOME"]) / "cache").write_text("open-sesame-42")
    return "open-sesame-42"


def reads(self: Any, ref: Any) -> str:
    Path("/etc/hostname").open().close()
    return ""


async def backwards(self: Any) -> None:
    self.lines.reverse()
    await zoo.Diary.close(self)


async def only_starts(self: Any, ref: Any, event: Any) -> None:
    assert type(event).__name__ != "ChildStarted"


async def first_line(self: Any) -> None:
    assert self.lines


def stuck(self: Any, config: Any, scope: Any, at: float) -> Tick:
    return Tick(at)


def counting(self: Any, config: Any, scope: Any, at: float) -> Tick:
    calls.append(at)
    return Tick(at + len(calls))


def jumping(self: Any, config: Any, scope: Any, at: float) -> Tick:
    return Tick(at + config.every)


def returning(self: Any, config: Any, scope: Any, at: float) -> Tick | None:
    return None if at == 0 else Tick(at + 60)


calls: list[float] = []


def walking_on(self: Any, config: Any, scope: Any, after: float) -> Any:
    return (Tick(after + number) for number in (1.0, 2.0))


def reading_all(text: str) -> Any:
    return {"every": len(text) or 1}


async def gives_up(self: Any, scope: Any, config: Any, cursor: Any) -> AsyncIterator[Fire]:
    while not (scope.folder / config.file).parent.is_dir():
        await asyncio.sleep(0.02)
        raise FileNotFoundError(config.file)
    async for fire in zoo.Post.fires(self, scope, config, cursor):
        yield fire


async def stubborn(self: Any, scope: Any, config: Any, cursor: Any) -> AsyncIterator[Fire]:
    for _ in range(2):
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            continue
    yield Fire(1.0, "late")


def one_key(self: Any, number: int, line: str) -> Fire:
    return Fire(due=1.0, key="the same", cursor=number)


def no_cursor(self: Any, number: int, line: str) -> Fire:
    return Fire(due=1.0, key=f"{number} {line}")
