"""How many runs of a queue may work at once, whether it is paused, and which queues there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from msgspec.structs import fields, replace

from dagu_core.app.services import wake_runners
from dagu_core.base.errors import Conflict, DaguError, Unavailable, UsageError
from dagu_core.base.names import check_queue_name
from dagu_core.contracts.store import RunQuery
from dagu_core.engine.liveness import poke
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunRef, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

NAMESPACE = "queues"
#: holders of slots that are named when somebody asks why there is none
_NAMED = 3


class Orders(Struct, frozen=True):
    """What people ordered for one queue: `at` (epoch seconds) it was paused `by` whom and why, and a
    limit in place of the configured one (None = as configured)."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    at: float = 0.0
    max_concurrency: int | None = None

    @property
    def sentence(self) -> str:
        """Who paused it, and why."""
        return f"paused by {self.by}{f': {self.reason}' if self.reason else ''}" if self.paused else ""


class QueueRules:
    """The engine and the runners ask this, and nothing else, before a run takes a slot."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._of_dags: dict[str, tuple[int, frozenset[str]]] = {}

    async def limit_of(self, name: str, next_run: RunRef | None, *, begun: bool = False) -> int:
        """How many runs of the queue may hold a slot at once; 0 = it is paused, which does not
        matter for a run that has `begun`.

        What somebody ordered goes before `queues.config`, and that before `maxActiveRuns` of the
        DAG whose run is next; a queue that only a run was sent to takes one at a time.
        """
        orders = await self.orders_of(name)
        if orders.paused and not begun:
            return 0
        if orders.max_concurrency is not None:
            return orders.max_concurrency
        if (limit := self.app.settings.queues.limit(name)) is not None:
            return limit
        return await self._limit_of_dag(name, next_run) if next_run is not None else 1

    async def orders_of(self, name: str) -> Orders:
        """What people ordered for the queue."""
        return _orders(pair.value if (pair := await self.app.store.get(NAMESPACE, name)) else {})

    async def all_orders(self) -> dict[str, Orders]:
        """What people ordered, by queue."""
        return {key: _orders(pair.value) for key, pair in await self.app.store.scan(NAMESPACE)}

    async def order(self, name: str, **changes: object) -> Orders:
        """Change what is ordered for a queue; of several who do so at once each is heard."""
        while True:
            pair = await self.app.store.get(NAMESPACE, name)
            orders = replace(_orders(pair.value if pair else {}), **changes)
            try:
                expected = pair.version if pair else 0
                await self.app.store.put(NAMESPACE, name, to_builtins(orders), expected=expected)
            except Conflict:
                continue
            await self.look_again(name)
            return orders

    async def what_blocks(self, name: str, limit: int) -> str:
        """Why no run of the queue may begin, as people read it."""
        if limit == 0:
            return f"queue {name} is {(await self.orders_of(name)).sentence or 'paused'}"
        holders = [str(one.ref) for one in await self.holders(name)]
        more = f" and {len(holders) - _NAMED} more" if len(holders) > _NAMED else ""
        by = f" by {', '.join(holders[:_NAMED])}{more}" if holders else ""
        return f"waits for a slot of queue {name} ({len(holders)} of {limit} in use{by})"

    async def holders(self, name: str) -> list[RunSummary]:
        """The runs that hold a slot of the queue, oldest first."""
        running = await self._all(name, RunStatus.RUNNING)
        return [one for one in running if one.holds_slot]

    async def waiting(self, name: str) -> list[RunSummary]:
        """The runs that wait in the queue, in the order they get their turns: what has begun
        already goes first, then the higher priority, then its place, or else its age."""
        found = await self._all(name, RunStatus.QUEUED)
        return sorted(found, key=lambda one: (one.parent is None, -one.priority, place_of(one)))

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

    def check(self, name: str) -> str:
        """Return `name` when runs may be sent to that queue. Raises UsageError."""
        queues = self.app.settings.queues
        check_queue_name(name)
        known = sorted(queue.name for queue in queues.config)
        if queues.strict and name not in known:
            raise UsageError(f"unknown queue {name!r}, known: {', '.join(known) or 'none'}")
        return name

    async def _all(self, name: str, status: RunStatus) -> list[RunSummary]:
        query = RunQuery(queue=name, statuses=(status,), roots_only=False, limit=100_000)
        return (await self.app.store.find(query))[::-1]

    async def _limit_of_dag(self, name: str, ref: RunRef) -> int:
        try:
            summary = (await self.app.store.load(ref)).summary
            if summary.definition not in self._of_dags:
                source = await self.app.store.definition(summary.definition)
                is_child = summary.parent is not None
                plan = self.app.dags.plan_of(source, name=ref.dag, as_child=is_child)
                names = frozenset((plan.queue, plan.name))
                self._of_dags[summary.definition] = max(1, plan.max_active_runs), names
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


def _orders(value: object) -> Orders:
    known = {each.name for each in fields(Orders)}
    given = value if isinstance(value, dict) else {}
    return Orders(**{key: each for key, each in given.items() if key in known})
