"""When a run begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from dagu_core.base.config import Config
from dagu_core.contracts.part import Part


@dataclass(frozen=True, slots=True)
class Fire:
    """A reason to start (stop, restart) a DAG. `due` in epoch seconds; `key` makes it unique."""

    dag: str
    due: float
    key: str
    action: str = "start"
    params: dict[str, str] = field(default_factory=dict)
    cursor: Any = None


class Trigger(Part, ABC):
    """A source of fires: file changes, messages, webhooks."""

    @abstractmethod
    def fires(self, dag: str, config: Config, cursor: Any) -> AsyncIterator[Fire]:
        """Yield fires, resuming after `cursor` (the last one handled, None at first)."""


class ClockTrigger(Part, ABC):
    """A trigger that is a pure function of time: preview, catch-up and backfill come for free."""

    @abstractmethod
    def next_after(self, config: Config, at: float) -> float | None:
        """The first instant strictly after `at` (epoch seconds), or None when there is none."""
