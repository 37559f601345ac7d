"""How many runs of a queue may work at once, whether it is paused, and which queues there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins
from msgspec.structs import fields, replace

from dagu_core.app.accepting import hold_of, is_held
from dagu_core.app.services import wake_runners
from dagu_core.base.clock import rfc3339
from dagu_core.base.errors import Conflict, DaguError, Invalid, Unavailable, UsageError
from dagu_core.base.names import check_queue_name
from dagu_core.contracts.store import RunQuery
from dagu_core.engine.liveness import poke
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunRef, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.model.plan.plan import Plan

NAMESPACE = "queues"
#: the limit of queues that have none
UNLIMITED = 1_000_000
#: holders of slots that are named when somebody asks why there is none
_NAMED = 3


class Orders(Struct, frozen=True):
    """What people ordered for one queue: `at` (epoch seconds) it was paused `by` whom and why, `until`
    when (None = until somebody resumes it), and a limit in place of the configured one (None = as
    configured)."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    at: float = 0.0
    max_concurrency: int | None = None
    until: float | None = None

    @property
    def sentence(self) -> str:
        """Who paused it, until when, and why."""
        if not self.paused:
            return ""
        return f"paused by {self.by}{self.end}{f': {self.reason}' if self.reason else ''}"

    @property
    def end(self) -> str:
        """Until when it is paused, as people read it; "" = until somebody resumes it."""
        return "" if self.until is None else f" until {rfc3339(self.until)}"

    def now(self, now: float) -> Orders:
        """What is left of them at an instant: a pause whose end has come is over."""
        over = self.until is not None and self.until <= now
        return replace(self, **NO_PAUSE) if over else self


#: what resuming a queue orders
NO_PAUSE: dict[str, Any] = {"paused": False, "by": "", "reason": "", "at": 0.0, "until": None}


class QueueRules:
    """The engine and the runners ask this, and nothing else, before a run takes a slot."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._of_dags: dict[str, tuple[int, frozenset[str]]] = {}

    async def limit_of(self, name: str, next_run: RunRef | None, *, begun: bool = False) -> int:
        """How many runs of the queue may hold a slot at once; 0 = it is paused, which does not
        matter for a run that has `begun`.

        What somebody ordered goes before `queues.config`, and that before `maxActiveRuns` of the
        DAG whose run is next; a queue that only a run was sent to takes one at a time. Queues that are
        disabled bound nothing.
        """
        if not self.app.settings.queues.enabled:
            return UNLIMITED
        orders = await self.orders_of(name)
        if orders.paused and not begun:
            return 0
        if orders.max_concurrency is not None:
            return orders.max_concurrency
        if (limit := self.app.settings.queues.limit(name)) is not None:
            return limit
        return await self._limit_of_dag(name, next_run) if next_run is not None else 1

    async def opens_at(self, name: str) -> float:
        """When the pause of a queue ends by itself (epoch seconds): infinite when somebody has to resume
        it, now when it is not paused."""
        orders = await self.orders_of(name)
        if not orders.paused:
            return self.app.clock.now()
        return math.inf if orders.until is None else orders.until

    async def orders_of(self, name: str) -> Orders:
        """What people ordered for the queue."""
        if not self.app.settings.queues.enabled:
            return Orders()
        pair = await self.app.store.get(NAMESPACE, name)
        return self._orders(pair.value if pair else {})

    async def all_orders(self) -> dict[str, Orders]:
        """What people ordered, by queue."""
        if not self.app.settings.queues.enabled:
            return {}
        return {key: self._orders(pair.value) for key, pair in await self.app.store.scan(NAMESPACE)}

    async def order(self, name: str, **changes: object) -> Orders:
        """Change what is ordered for a queue; of several who do so at once each is heard."""
        while True:
            pair = await self.app.store.get(NAMESPACE, name)
            orders = replace(self._orders(pair.value if pair else {}), **changes)
            try:
                expected = pair.version if pair else 0
                await self.app.store.put(NAMESPACE, name, to_builtins(orders), expected=expected)
            except Conflict:
                continue
            await self.look_again(name)
            return orders

    def home_of(self, plan: Plan, queue: str) -> tuple[str, int]:
        """The queue in which a run of the DAG that is sent to `queue` takes a slot besides, and how many
        that one has for it: who goes elsewhere stays within the `maxActiveRuns` that bound it at home.
        ("", 0) = none."""
        own, most = plan.queue or plan.name, plan.max_active_runs
        if not self.app.settings.queues.enabled:
            return "", 0
        bound = queue not in ("", own) and most > 0 and self.app.settings.queues.limit(own) is None
        return (own, most) if bound else ("", 0)

    async def what_blocks(self, name: str, limit: int, guest: RunSummary | None = None) -> str:
        """Why no run of the queue, or not this `guest` of it, may begin, as people read it."""
        if limit == 0:
            return f"queue {name} is {(await self.orders_of(name)).sentence or 'paused'}"
        if guest is not None and guest.home and (at_home := await self.full_home(guest)):
            return at_home
        holders = [str(one.ref) for one in await self.holders(name)]
        more = f" and {len(holders) - _NAMED} more" if len(holders) > _NAMED else ""
        by = f" by {', '.join(holders[:_NAMED])}{more}" if holders else ""
        return f"waits for a slot of queue {name} ({len(holders)} of {limit} in use{by})"

    async def full_home(self, guest: RunSummary) -> str:
        """That no slot is free in the home of a run, as people read it; "" = there is one."""
        if len(await self.holders(guest.home)) < guest.home_slots:
            return ""
        why = await self.what_blocks(guest.home, guest.home_slots)
        return f"{why}, which is the one of its DAG"

    async def holders(self, name: str) -> list[RunSummary]:
        """The runs that hold a slot of the queue, be it as their home, oldest first."""
        query = RunQuery(statuses=(RunStatus.RUNNING,), roots_only=False, limit=100_000)
        running = (await self.app.store.find(query))[::-1]
        return [one for one in running if one.holds_slot and name in (one.queue, one.home)]

    async def waiting(self, name: str) -> list[RunSummary]:
        """The runs that wait in the queue, in the order they get their turns: what has begun
        already goes first, then the higher priority, then its place, or else its age. Those that are held
        back come last, in the order they were due: in it they leave their line."""
        found = await self._all(name, RunStatus.QUEUED)
        held = [(hold.due, one.created_at, one) for one in found if (hold := hold_of(one)) is not None]
        free = [one for one in found if not is_held(one)]
        free.sort(key=lambda one: (one.parent is None, -one.priority, place_of(one)))
        return free + [one for *_, one in sorted(held, key=lambda each: each[:2])]

    async def slot_is_free(self, name: str) -> None:
        """A run gave its slot back: tell whoever waits for one."""
        await self.look_again(name)

    async def look_again(self, name: str) -> None:
        """Wake the runners, and the processes whose own runs wait in the queue."""
        data = self.app.settings.paths.data
        try:
            await wake_runners(self.app)
            owners = {one.engine for one in await self._all(name, RunStatus.QUEUED)}
        except DaguError:
            return  # they look by themselves every second
        for engine in owners - {""}:
            poke(data, engine)

    def refuse_disabled(self) -> None:
        """Raise Invalid when nothing is to be queued."""
        if not self.app.settings.queues.enabled:
            raise Invalid("queues are disabled", hint="set queues.enabled: true")

    def check(self, name: str) -> str:
        """Return `name` when runs may be sent to that queue. Raises UsageError."""
        queues = self.app.settings.queues
        check_queue_name(name)
        known = sorted(queue.name for queue in queues.config)
        if queues.strict and name not in known:
            raise UsageError(f"unknown queue {name!r}, known: {', '.join(known) or 'none'}")
        return name

    async def plan_of(self, summary: RunSummary) -> Plan:
        """What a run carries out. Raises what is wrong with its definition."""
        source = await self.app.store.definition(summary.definition)
        is_child = summary.parent is not None
        return self.app.dags.plan_of(source, name=summary.ref.dag, as_child=is_child)

    def _orders(self, value: object) -> Orders:
        """What is stored, as far as it holds now."""
        known = {each.name for each in fields(Orders)}
        given = value if isinstance(value, dict) else {}
        orders = Orders(**{key: each for key, each in given.items() if key in known})
        return orders.now(self.app.clock.now())

    async def _all(self, name: str, status: RunStatus) -> list[RunSummary]:
        query = RunQuery(queue=name, statuses=(status,), roots_only=False, limit=100_000)
        return (await self.app.store.find(query))[::-1]

    async def _limit_of_dag(self, name: str, ref: RunRef) -> int:
        try:
            summary = (await self.app.store.load(ref)).summary
            if summary.definition not in self._of_dags:
                plan = await self.plan_of(summary)
                names = frozenset((plan.queue, plan.name))
                most = UNLIMITED if plan.max_active_runs == 0 else max(1, plan.max_active_runs)
                self._of_dags[summary.definition] = most, names
        except Unavailable:
            raise
        except DaguError:
            return 1  # it is taken all the same, and ends with the reason why it cannot be carried out
        limit, own = self._of_dags[summary.definition]
        return 1 if QUEUE_OVERRIDDEN in summary.extra and name not in own else limit


def place_of(summary: RunSummary) -> float:
    """The time by which waiting runs of one priority are ordered."""
    if summary.queue_place is not None:
        return summary.queue_place
    return summary.created_at if summary.queued_at is None else summary.queued_at
