"""A step key: `needs: {file: data.csv}` waits until the file is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field

from dagu_core import Attempt, Config, Guard, hookimpl


class NeedsConfig(Config):
    """What a step needs."""

    file: str = Field(description="A file below the working folder of the step.")


class Needs(Guard):
    """Waits for a file before each attempt."""

    name = "needs"
    Config = NeedsConfig

    @asynccontextmanager
    async def hold(self, config: Any, attempt: Attempt[Any]) -> AsyncIterator[None]:
        while not (attempt.working_dir / config.file).exists():
            await asyncio.sleep(0.05)
        yield  # the attempt runs here; what comes after this line lets go


@hookimpl
def dagu_register_guards() -> list[type[Guard]]:
    return [Needs]
