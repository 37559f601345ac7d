"""What schedulers remember: up to when everything due was handled, and since when entries exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from dagu_core.app import decisions
from dagu_core.base.errors import Unavailable
from dagu_core.model.plan.plan import Plan

if TYPE_CHECKING:
    from dagu_core.app.app import App

NAMESPACE = "schedule"
_PASSED = "passed"
#: first-seen instants are kept in so many pairs, so that a thousand new DAGs are a few writes
_BUCKETS = 256


class Marks:
    """Read once when a scheduler begins to lead, written by the leader only.

    `passed` (epoch seconds): every slot up to it was handled. A damaged mark counts as now.
    """

    def __init__(self, app: App, passed: float, seen: dict[str, dict[str, float]]) -> None:
        self._app, self._seen = app, seen
        self.passed = passed

    @classmethod
    async def load(cls, app: App) -> Marks:
        """The marks as they stand; `passed` is now when nobody ever led, which is kept."""
        seen: dict[str, dict[str, float]] = {}
        for _, pair in await app.store.scan(NAMESPACE, "seen/", limit=_BUCKETS):
            if isinstance(pair.value, dict):
                seen |= {str(dag): _instants(entries) for dag, entries in pair.value.items()}
        try:
            found = await app.store.get(NAMESPACE, _PASSED)
        except Unavailable as error:
            # Damaged: it is put aside. A store that is away says so again with the next word.
            await app.store.remove(NAMESPACE, _PASSED)
            await decisions.record(app, "scheduler", "refused", "damaged", str(error))
            found = None
        now = app.clock.now()
        passed = found.value if found and isinstance(found.value, int | float) else now
        if passed == now:
            await app.store.put(NAMESPACE, _PASSED, now)
        marks = cls(app, float(passed), seen)
        # A mark ahead of us is of a clock that was wrong: what was done is told by the runs' ids.
        marks.set_back(now)
        return marks

    def set_back(self, now: float) -> None:
        """The clock was set back to `now`: nothing was handled or seen after it."""
        self.passed = min(self.passed, now)
        for entries in self._seen.values():
            entries.update({each: now for each, at in entries.items() if at > now})

    @property
    def dags(self) -> frozenset[str]:
        """The DAGs that were seen."""
        return frozenset(self._seen)

    def seen(self, dag: str) -> Mapping[str, float]:
        """When the entries of a DAG were first seen, by fingerprint."""
        return self._seen.get(dag, {})

    async def meet(self, plans: Iterable[Plan], gone: Iterable[str], now: float) -> None:
        """Note entries that were not there before, and forget those that are there no longer."""
        touched: set[str] = set()
        for plan in plans:
            known = self._seen.get(plan.name, {})
            prints = [entry.fingerprint for entry in plan.schedule.entries]
            found = {each: known.get(each, now) for each in prints}
            if found != known:
                self._seen[plan.name] = found
                touched.add(_bucket(plan.name))
        for dag in gone:
            if self._seen.pop(dag, None) is not None:
                touched.add(_bucket(dag))
        if not touched:
            return
        buckets: dict[str, dict[str, Any]] = defaultdict(dict)
        for dag, instants in self._seen.items():
            if (bucket := _bucket(dag)) in touched:
                buckets[bucket][dag] = instants
        for bucket in sorted(touched):
            await self._app.store.put(NAMESPACE, f"seen/{bucket}", buckets.get(bucket, {}))

    async def pass_(self, until: float) -> None:
        """Everything due up to `until` was handled."""
        if until > self.passed:
            await self._app.store.put(NAMESPACE, _PASSED, until)
            self.passed = until


def _bucket(dag: str) -> str:
    return f"{sha256(dag.encode()).digest()[0] % _BUCKETS:02x}"


def _instants(entries: Any) -> dict[str, float]:
    return {str(key): float(at) for key, at in entries.items()} if isinstance(entries, dict) else {}
