"""What a driver needs of the process that hosts it."""

from __future__ import annotations

from typing import Protocol

from dagu_core.model.run.events import Event
from dagu_core.model.run.run import Run


class Watch(Protocol):
    """Hears every committed event; `close` ends it."""

    def __call__(self, run: Run, event: Event) -> None: ...
    def close(self) -> None: ...


class Slots(Protocol):
    """Bounds how many attempts may hold descriptors at once."""

    async def acquire(self) -> bool: ...
    def release(self) -> None: ...
