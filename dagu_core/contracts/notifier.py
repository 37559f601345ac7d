"""Whom to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from dagu_core.contracts.part import Part
from dagu_core.contracts.store import StoredRun
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.events import Event

if TYPE_CHECKING:
    from dagu_core.base.config import Config


class Notice(Struct, frozen=True):
    """What happened, to which run; `plan`, `run` and `event` are read only and masked.

    `run.summary` is as of the event, `run.steps` as of when it is read.
    """

    plan: Plan
    run: StoredRun
    event: Event
    dag_fields: Mapping[str, Any]


class Notifier(Part, ABC):
    """Owns the DAG key `name`. Called off the write path, each call bounded to 30 seconds; an
    exception is reported and changes nothing."""

    @abstractmethod
    async def notify(self, config: Config, notice: Notice) -> None:
        """Tell somebody, if this notice is worth it."""
