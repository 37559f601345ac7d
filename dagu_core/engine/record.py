"""What has happened to a run and is not written yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from dagu_core.base.errors import Busy, Conflict, LostOwnership, NotFound
from dagu_core.base.failpoints import fail_point
from dagu_core.contracts.store import Change, StateStore
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.events import AttemptStarted, Event, StopRequested
from dagu_core.model.run.evolve import evolve
from dagu_core.model.run.index import keep_marks
from dagu_core.model.run.run import Run
from dagu_core.model.run.signals import StopSignal

#: seconds until a run is given up whose store is locked by another process; its steps go on even
#: then, and the run is taken over once the store is free
PATIENCE = 120.0
#: seconds between two tries, each of which waits for a while in the store
_PAUSE = 0.1


class Record:
    """Applies events to a run and writes them, many at a time."""

    def __init__(self, plan: Plan, run: Run, store: StateStore) -> None:
        self._plan, self._run, self._store = plan, run, store
        self.pending: list[Event] = []

    def apply(self, event: Event) -> None:
        """Change the state; the next commit writes it."""
        evolve(self._plan, self._run, event)
        self.pending.append(event)

    async def commit(self) -> list[Event]:
        """Write what changed and return what is to be told. The end of a run reaches the disk
        before anybody hears of it.

        Raises LostOwnership when somebody else owns the run, and what the store raises.
        """
        run, events = self._run, self.pending
        self.pending = []
        keep_marks(run)
        touched = {self._plan.nodes[index].name: run.steps[index] for index in run.touched}
        run.touched = set()
        over = run.is_over
        # Nobody but the parent hears of the end of a sub-DAG run; its own end syncs everything before.
        durable = over and run.summary.parent is None
        fail_point("run.end.before" if over else "store.commit.before")
        try:
            await self._written(Change(run.summary, touched, events, durable=durable, heard=heard(events)))
        except (Conflict, NotFound) as error:
            raise LostOwnership(f"lost ownership of run {run.ref}: {error}") from None
        fail_point("run.end.after" if over else "store.commit.after")
        if any(isinstance(event, AttemptStarted) for event in events):
            fail_point("attempt.started")
        return events

    async def _written(self, change: Change) -> None:
        """Write, and wait as long as somebody else keeps the store locked: the steps go on meanwhile,
        and what they tell is taken up in its order."""
        deadline = monotonic() + PATIENCE
        while True:
            try:
                await self._store.commit(change)
                return
            except Busy:
                if monotonic() > deadline:
                    raise
            await asyncio.sleep(_PAUSE)


def heard(events: Sequence[Event]) -> list[StopSignal]:
    """The signals these events were made of, where they were made of one."""
    stops = (event for event in events if isinstance(event, StopRequested))
    return [StopSignal(stop.at, stop.by, stop.signal, stop.force) for stop in stops]
