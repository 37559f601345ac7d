"""What a driver needs of the process that hosts it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from dagu_core.model.run.events import Event
from dagu_core.model.run.run import Run


class Watch(Protocol):
    """Hears the events of every commit; `close` ends it."""

    def __call__(self, run: Run, events: Iterable[Event]) -> None: ...
    def close(self) -> None: ...


class Slots(Protocol):
    """Bounds how many attempts may hold descriptors at once."""

    async def acquire(self) -> bool: ...
    def release(self) -> None: ...
