"""Who watches: metrics, tracing, audit."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dagu_core.contracts.part import Part
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunRef


class Observer(Part, ABC):
    """Receives every committed event in order, off the write path; errors are kept apart."""

    async def open(self) -> None:
        """Called once before the first event."""

    @abstractmethod
    async def observe(self, ref: RunRef, event: Event) -> None:
        """One committed event of a run."""

    async def close(self) -> None:
        """Called once at the end; nothing comes after it."""
