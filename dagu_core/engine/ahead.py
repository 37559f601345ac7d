"""A step that is made ready while the only one before it still runs.

Between two steps of a chain nothing needs to be thought about: the supervisor begins the next one
the moment the one before has ended well, and the engine records both afterwards. Whatever happens
in between, the status file of the attempt (one of a kind) says whether it has begun: a new engine
that orders it again finds it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dagu_core.engine.supervision import Started, Supervision
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.ahead import followers
from dagu_core.model.run.events import AttemptEnded
from dagu_core.model.run.run import Run

Order = Callable[[Started | None], Started]


@dataclass(slots=True)
class Place:
    """A place in the line: of the step at work (`after` None), or of one that follows it.

    `order` is set once the supervisor was asked to start the step, `adopted` once the run has got
    there. `begun_at` is when we heard of its start (epoch seconds), `ended` its end should that
    have come first.
    """

    after: Place | None = None
    order: Started | None = None
    ordered: asyncio.Event = field(default_factory=asyncio.Event)
    adopted: asyncio.Event = field(default_factory=asyncio.Event)
    begun_at: float = 0.0
    ended: AttemptEnded | None = None

    @property
    def begun(self) -> bool:
        """Whether the supervisor has begun it ahead of us."""
        future = self.order.begun if self.order else None
        return future is not None and future.done() and future.result()

    @property
    def pending(self) -> bool:
        """Whether the supervisor may begin it any moment."""
        future = self.order.begun if self.order else None
        return future is not None and not future.done()

    async def take(self, give: Order, supervision: Supervision, now: Callable[[], float]) -> Started:
        """Order the process: to begin after the one before, and if that cannot be, when the run
        has got there. Raises OSError as `Supervision.start` does."""
        if self.after is None:
            return self._given(give(None))
        before = self.after
        if not (before.ordered.is_set() or self.adopted.is_set()):
            await _either(before.ordered, self.adopted)
        if before.order is not None and not self.adopted.is_set():
            started = self._given(give(before.order))
            assert started.begun is not None
            try:
                begun = await started.begun
            except asyncio.CancelledError:
                supervision.revoke(started)
                raise
            if begun:
                self.begun_at = now()
                return started
        await self.adopted.wait()
        return self._given(give(None))

    def _given(self, started: Started) -> Started:
        self.order = started
        self.ordered.set()
        return started


class Line:
    """The places of one run: of what is at work, and of what follows it."""

    #: how many steps are made ready; the engine may fall behind by so many
    DEPTH = 8
    #: seconds the supervisor has to say whether it has begun a step
    PATIENCE = 1.0

    def __init__(self) -> None:
        self.ahead: dict[int, Place] = {}
        self._at_work: dict[int, Place] = {}

    def begin(self, index: int) -> Place:
        """A place for a step that starts now."""
        place = self._at_work[index] = Place()
        return place

    def adopt(self, index: int) -> Place | None:
        """The run has got to a step; its place, if it was made ready."""
        place = self.ahead.pop(index, None)
        if place is not None:
            self._at_work[index] = place
            place.adopted.set()
        return place

    def leave(self, index: int) -> None:
        """The step is over."""
        self._at_work.pop(index, None)

    def extend(self, plan: Plan, run: Run) -> list[tuple[int, Place]]:
        """New places behind the last one, for the steps that follow."""
        if len(self.ahead) > self.DEPTH // 2 or len(self._at_work) != 1:
            return []
        (last, before), *_ = self._at_work.items()
        if self.ahead:
            last, before = next(reversed(self.ahead.items()))
        added = []
        for index in followers(plan, run, last, self.DEPTH - len(self.ahead)):
            before = self.ahead[index] = Place(after=before)
            added.append((index, before))
        return added

    @property
    def overtaken(self) -> bool:
        """Whether the supervisor has begun a step the run has not got to."""
        return any(place.begun for place in self.ahead.values())

    async def settle(self, supervision: Supervision) -> None:
        """Let nothing begin any more that has not begun yet."""
        waiting = [place.order for place in self.ahead.values() if place.pending and place.order]
        for order in waiting:
            supervision.revoke(order)
        answers = [order.begun for order in waiting if order.begun is not None]
        if answers:
            await asyncio.wait(answers, timeout=self.PATIENCE)


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
