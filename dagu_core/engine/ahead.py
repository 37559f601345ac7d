"""A step that is made ready while the only one before it still runs.

Between two steps of a chain nothing needs to be thought about: the supervisor begins the next one
the moment the one before has ended well, and the engine records both afterwards. Whatever happens
in between, the status file of the attempt (one of a kind) says whether it has begun: a new engine
that orders it again finds it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from dagu_core.engine.supervision import Started, Supervision
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.ahead import followers
from dagu_core.model.run.events import AttemptEnded
from dagu_core.model.run.run import Run

Order = Callable[[Started | None], Started]


class Place(Struct):
    """A place in the line: of the step at work (`after` None), or of one that follows it.

    `order` is the last one the supervisor was given, `adopted` tells that the run has got there,
    `closed` that nothing is to begin ahead any more.
    `begun_at` is when we heard of its start (epoch seconds), `ended` its end should that have come
    first.
    """

    after: Place | None = None
    order: Started | None = None
    adopted: bool = False
    closed: bool = False
    begun_at: float = 0.0
    ended: AttemptEnded | None = None
    task: asyncio.Task[None] | None = None
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

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

    def adopt(self) -> None:
        """The run has got here."""
        self.adopted = True
        self._tell()

    async def take(self, give: Order, supervision: Supervision, now: Callable[[], float]) -> Started:
        """Order the process: to begin after the one before, and if that cannot be, when the run
        has got there. Raises OSError as `Supervision.start` does."""
        before = self.after
        while before is not None and not self.adopted:
            seen, started = before.order, None
            if seen is not None and not self.closed:
                started = self._given(give(seen))
                if await self._begins(started, supervision):
                    self.begun_at = now()
                    return started
            while not self.adopted and before.order is seen:
                await self._news(before)
        return self._given(give(None))

    async def _begins(self, started: Started, supervision: Supervision) -> bool:
        assert started.begun is not None
        try:
            return await started.begun
        except asyncio.CancelledError:
            supervision.revoke(started)
            raise

    def _given(self, started: Started) -> Started:
        self.order = started
        self._tell()
        return started

    def _tell(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def _news(self, before: Place) -> None:
        """Wait until something is new here or before us."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        before._waiting.append(waiting)
        await waiting


class Line:
    """The places of one run: of what is at work, and of what follows it."""

    #: how many steps are made ready; the engine may fall behind by so many
    DEPTH = 64
    #: seconds in which ends of steps are gathered
    GATHERING = 0.01
    #: seconds the supervisor has to say whether it has begun a step
    PATIENCE = 1.0

    def __init__(self) -> None:
        self.ahead: dict[int, Place] = {}
        self._closed = False
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
            place.adopt()
        return place

    def leave(self, index: int) -> None:
        """The step is over."""
        self._at_work.pop(index, None)

    def extend(self, plan: Plan, run: Run) -> list[tuple[int, Place]]:
        """New places behind the last one, for the steps that follow."""
        if self._closed or len(self.ahead) > self.DEPTH // 2 or len(self._at_work) != 1:
            return []
        (last, before), *_ = self._at_work.items()
        if self.ahead:
            last, before = next(reversed(self.ahead.items()))
        added = []
        for index in followers(plan, run, last, self.DEPTH - len(self.ahead)):
            before = self.ahead[index] = Place(after=before)
            added.append((index, before))
        return added

    async def gather(self) -> None:
        """While the supervisor has orders for longer nothing waits for us, and many ends of steps
        together cost hardly more than one."""
        if len(self.ahead) > self.DEPTH // 2:
            await asyncio.sleep(self.GATHERING)

    @property
    def overtaken(self) -> bool:
        """Whether the supervisor has begun a step the run has not got to."""
        return any(place.begun for place in self.ahead.values())

    def end_of(self, index: int) -> AttemptEnded | None:
        """The end of a step that was over before the run had got to it; it leaves the line."""
        place = self.ahead.get(index)
        if place is None or place.ended is None:
            return None
        del self.ahead[index]
        return place.ended

    def forget(self) -> None:
        """Nothing of what was made ready will be wanted."""
        for place in self.ahead.values():
            if place.task is not None:
                place.task.cancel()
        self.ahead.clear()

    async def settle(self, supervision: Supervision) -> bool:
        """Let nothing begin ahead any more; whether something has that the run has not got to."""
        self._closed = True
        for place in self.ahead.values():
            place.closed = True
        waiting = [place.order for place in self.ahead.values() if place.pending and place.order]
        for order in waiting:
            supervision.revoke(order)
        answers = [order.begun for order in waiting if order.begun is not None]
        if answers:
            await asyncio.wait(answers, timeout=self.PATIENCE)
        return self.overtaken
