"""Use cases on queues: look at them, pause them, and change the order of what waits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dagu_core.app.accepting import hold_of, is_held
from dagu_core.app.queue_rules import NO_PAUSE, UNLIMITED, Orders, QueueRules, place_of
from dagu_core.app.services import services
from dagu_core.base.errors import Conflict, DaguError, NotFound, Unavailable, UsageError
from dagu_core.base.names import check_queue_name
from dagu_core.contracts.store import Change, QueueState, RunQuery
from dagu_core.engine.liveness import host_name, living_pid
from dagu_core.model.run.events import Noted
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunRef, RunSummary
from dagu_core.model.status import RunStatus

#: seconds between a run that goes to the front or the back and its neighbour
_STEP = 1.0
#: how often a change is tried against others that change the same run
_TRIES = 20


class QueueView(Struct, frozen=True):
    """How a queue stands: `limit` slots, `running` of them in use, `waiting` runs; `configured` =
    its limit is in the settings; `orders` is what people ordered, `labels` what the settings say of it."""

    name: str
    limit: int
    running: int
    waiting: int
    configured: bool
    orders: Orders
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def bound(self) -> int | None:
        """Its limit, None when it has none."""
        return None if self.limit == UNLIMITED else self.limit


class Place(Struct, frozen=True):
    """A waiting run: its `position` counts from 1, `reason` tells what it waits for."""

    position: int
    summary: RunSummary
    reason: str


class Queues(QueueRules):
    """What may be asked of queues."""

    async def all(self, labels: Mapping[str, str] | None = None) -> list[QueueView]:
        """Every queue that is configured, that somebody gave orders for, or in which runs wait or
        work, by name; only those that have all of the `labels`."""
        states = {state.name: state for state in await self.app.store.queues()}
        orders = await self.all_orders()
        configured = {queue.name for queue in self.app.settings.queues.config}
        return [
            await self._view(name, states.get(name), orders.get(name, Orders()))
            for name in sorted(states.keys() | orders.keys() | configured)
            if (labels or {}).items() <= self.app.settings.queues.labels(name).items()
        ]

    async def show(self, name: str) -> tuple[QueueView, list[Place]]:
        """One queue, and what waits in it in order. Raises NotFound when nobody knows it."""
        state = next((state for state in await self.app.store.queues() if state.name == name), None)
        orders = await self.orders_of(name)
        known = state or orders != Orders() or self.app.settings.queues.limit(name) is not None
        if not known and not await self.app.store.find(RunQuery(queue=name, roots_only=False, limit=1)):
            raise NotFound(f"there is no queue {name!r}", hint="`dagu queue list` shows the queues")
        view = await self._view(name, state, orders)
        waiting = await self.waiting(name)
        blocked = await self._what_blocks(view) if waiting else ""
        held = await self._who_lets_go() if any(map(is_held, waiting)) else ""
        guests = {one.home: one for one in waiting if one.home and not view.orders.paused}
        homes = {home: await self.full_home(one) for home, one in guests.items()}
        places = enumerate(waiting, 1)
        return view, [
            Place(at, one, _reason(one, homes.get(one.home) or blocked, held)) for at, one in places
        ]

    async def why(self, summary: RunSummary) -> str:
        """Why a queued run waits, and where it stands."""
        view, places = await self.show(summary.queue)
        found = next((place for place in places if place.summary.ref == summary.ref), None)
        if found is None:
            return "its turn has just come"
        where = f"position {found.position} of {len(places)} in queue {view.name}"
        return f"{where}, priority {summary.priority}: {found.reason}"

    async def pause(self, name: str, by: str, reason: str = "", until: float | None = None) -> Orders:
        """Let nothing of the queue begin `until` an instant (epoch seconds), or until it is resumed; what
        works goes on. Of two pauses the later one counts."""
        changes = {"paused": True, "by": by, "reason": reason, "at": self.app.clock.now(), "until": until}
        return await self.order(await self._to_order(name), **changes)

    async def resume(self, name: str) -> Orders:
        """Let runs of the queue begin again; a no-op when it was not paused."""
        return await self.order(await self._to_order(name), **NO_PAUSE)

    async def set_limit(self, name: str, limit: int | None) -> Orders:
        """Put a limit in place of the configured one; None takes it back. Raises UsageError below 1."""
        if limit is not None and limit < 1:
            raise UsageError(
                f"a queue needs at least one slot, not {limit}", hint="`dagu queue pause` stops it"
            )
        return await self.order(await self._to_order(name), max_concurrency=limit)

    async def position(self, ref: RunRef) -> int:
        """Where a run stands in its queue, from 1; 0 when it waits no longer."""
        summary = (await self.app.store.load(ref)).summary
        refs = [one.ref for one in await self.waiting(summary.queue)]
        return refs.index(ref) + 1 if ref in refs else 0

    async def waiting_run(self, text: str) -> RunRef:
        """The run meant by NAME:RUNID, or by its id alone. Raises NotFound, UsageError."""
        if ":" in text:
            try:
                return RunRef.parse(text)
            except ValueError as error:
                raise UsageError(str(error)) from None
        query = RunQuery(run_id=text, exact=True, roots_only=False, limit=2)
        waiting = await self.app.store.find(replace(query, statuses=(RunStatus.QUEUED,)))
        found = waiting or await self.app.store.find(query)
        if not found:
            raise NotFound(f"there is no run {text!r}", hint="`dagu queue show QUEUE` lists what waits")
        if len(found) > 1:
            raise UsageError(f"several runs have the id {text!r}", hint="write it as NAME:RUNID")
        return found[0].ref

    async def move(self, ref: RunRef, to: str, *, front: bool = False) -> RunSummary:
        """Send a waiting run to another queue, where it stands by its age, or goes first.

        Raises Conflict when it has begun, NotFound when there is no such run.
        """
        self.check(to)
        first = await self._neighbour(ref, 0, to) if front else None
        home, slots = await self._home_there(ref, to)

        def change(summary: RunSummary) -> RunSummary:
            extra = {**summary.extra, QUEUE_OVERRIDDEN: "true"}
            moved = replace(summary, queue=to, home=home, home_slots=slots, queue_place=None, extra=extra)
            return _beside(moved, first, -_STEP) if front else moved

        return await self._change(ref, change, f"moved to queue {to}{', front' if front else ''}")

    async def to_front(self, ref: RunRef) -> RunSummary:
        """Let a waiting run be the next of its queue; it takes over the priority of the first."""
        first = await self._neighbour(ref, 0)
        return await self._change(ref, lambda one: _beside(one, first, -_STEP), "moved to the front")

    async def to_back(self, ref: RunRef) -> RunSummary:
        """Let a waiting run be the last of its queue; it takes over the priority of the last."""
        last = await self._neighbour(ref, -1)
        return await self._change(ref, lambda one: _beside(one, last, _STEP), "moved to the back")

    async def before(self, ref: RunRef, other: RunRef) -> RunSummary:
        """Let a waiting run be right before another one of its queue, with the same priority."""
        waiting = await self._beside_it(ref)
        at = next((at for at, one in enumerate(waiting) if one.ref == other), None)
        if at is None:
            raise Conflict(f"run {other} does not wait for a slot of the same queue")
        upper = place_of(waiting[at])
        same = at > 0 and waiting[at - 1].priority == waiting[at].priority
        lower = place_of(waiting[at - 1]) if same else upper - 2 * _STEP
        middle = (lower + upper) / 2
        if not lower < middle < upper:
            raise Conflict(f"there is no room before {other}", hint="move that one to the front first")
        place = replace(waiting[at], queue_place=middle)
        return await self._change(ref, lambda one: _beside(one, place, 0.0), f"moved before {other}")

    async def prioritise(self, ref: RunRef, priority: int) -> RunSummary:
        """Give a waiting run another priority, 0 to 9; the higher one begins first."""
        if not 0 <= priority <= 9:
            raise UsageError(f"priority {priority} is not between 0 and 9")
        return await self._change(ref, lambda one: replace(one, priority=priority), f"priority {priority}")

    async def release_left(self) -> list[RunRef]:
        """Hand runs that waited in a process of this host which died to the runners; sub-DAG runs
        go on with their parents."""
        data, released = self.app.settings.paths.data, []
        query = RunQuery(statuses=(RunStatus.QUEUED,), limit=100_000)
        for one in await self.app.store.find(query):
            owned = one.engine and one.host == host_name() and not is_held(one)
            if owned and one.parent is None and living_pid(data, one.engine) is None:
                with contextlib.suppress(Conflict):  # somebody else has seen to it
                    await self.app.store.adopt(one.ref, fence=one.fence, engine="", host="")
                    released.append(one.ref)
        return released

    async def _change(self, ref: RunRef, change: Callable[[RunSummary], RunSummary], what: str) -> RunSummary:
        """Write a change if the run still waits: whoever begins it meanwhile wins."""
        for _ in range(_TRIES):
            summary = (await self.app.store.load(ref)).summary
            if summary.status is not RunStatus.QUEUED:
                raise Conflict(
                    f"run {ref} waits in no queue any more: it is {summary.status.label}",
                    status=summary.status.label,
                )
            try:
                fence = await self.app.store.adopt(
                    ref, fence=summary.fence, engine=summary.engine, host=summary.host
                )
                changed = change(replace(summary, fence=fence))
                note = Noted(self.app.clock.now(), "queue.changed", what)
                await self.app.store.commit(Change(changed, events=[note], durable=True))
            except Conflict:
                continue
            for queue in dict.fromkeys((summary.queue, changed.queue)):
                await self.look_again(queue)
            return changed
        raise Conflict(f"run {ref} is being changed by others all the time")

    async def _neighbour(self, ref: RunRef, at: int, queue: str = "") -> RunSummary | None:
        waiting = [one for one in await self._beside_it(ref, queue) if one.parent is None]
        return waiting[at] if waiting else None

    async def _beside_it(self, ref: RunRef, queue: str = "") -> list[RunSummary]:
        """The others that wait for a slot of the queue (of its own), in order. Raises Conflict for a run
        that is held back: it goes when it is due, whatever its place."""
        summary = (await self.app.store.load(ref)).summary
        if is_held(summary):
            hint = "runs of one line go in the order they were due; `dagu why` tells what it waits for"
            raise Conflict(f"run {ref} is held back, so it has no place in the queue yet", hint=hint)
        waiting = await self.waiting(queue or summary.queue)
        return [one for one in waiting if one.ref != ref and not is_held(one)]

    async def _to_order(self, name: str) -> str:
        """The queue, when orders may be given for it: also for one that is on no list and yet in use."""
        check_queue_name(name)
        self.refuse_disabled()
        used = {state.name for state in await self.app.store.queues()} | (await self.all_orders()).keys()
        return name if name in used else self.check(name)

    async def _home_there(self, ref: RunRef, queue: str) -> tuple[str, int]:
        summary = (await self.app.store.load(ref)).summary
        try:
            return self.home_of(await self.plan_of(summary), queue)
        except Unavailable:
            raise
        except DaguError:
            return "", 0  # it ends with the reason why it cannot be carried out

    async def _view(self, name: str, state: QueueState | None, orders: Orders) -> QueueView:
        state = state or QueueState(name, 0, 0, None)
        next_run = state.next
        if next_run is None and state.slots_used:
            next_run = next((one.ref for one in await self.holders(name)), None)
        limit = await self.limit_of(name, next_run, begun=True)
        settings = self.app.settings.queues
        configured, labels = settings.limit(name) is not None, settings.labels(name)
        waiting = state.waiting + state.owned
        return QueueView(name, limit, state.slots_used, waiting, configured, orders, labels)

    async def _what_blocks(self, view: QueueView) -> str:
        if view.orders.paused:
            return f"queue {view.name} is {view.orders.sentence}"
        if view.running >= view.limit:
            return await self.what_blocks(view.name, view.limit)
        runners = await services(self.app, "runner")
        if not runners:
            return "no runner is there to take it: start `dagu worker` or `dagu scheduler`"
        if all(one.blocked for one in runners):
            return runners[0].blocked
        return "a runner takes it as soon as those before it are gone"

    async def _who_lets_go(self) -> str:
        """What is to be said of runs that are held besides: only a scheduler lets them go."""
        if await services(self.app, "scheduler"):
            return ""
        return ", and no scheduler is there to let it go: start `dagu scheduler`"


def _reason(summary: RunSummary, blocked: str, held: str) -> str:
    if (hold := hold_of(summary)) is None:
        return blocked
    few = "no run" if hold.limit == 1 else f"fewer than {hold.limit} runs"
    return (
        f"held back ({hold.why}) until {few} of {hold.line} {'is' if hold.limit == 1 else 'are'} active{held}"
    )


def _beside(summary: RunSummary, other: RunSummary | None, distance: float) -> RunSummary:
    """The run with the priority of another one, and a place so far from it."""
    if other is None:
        return summary
    return replace(summary, priority=other.priority, queue_place=place_of(other) + distance)
