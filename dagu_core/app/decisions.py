"""What was decided instead of starting a run, kept with its reason: no fire vanishes silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.base.errors import Conflict

if TYPE_CHECKING:
    from dagu_core.app.app import App

NAMESPACE = "decisions"
#: seconds a decision is kept
KEPT = 30 * 86_400.0
_MOST = 100_000
_DAY = 86_400.0


class Decision(Struct, frozen=True):
    """Why something due was not done. `kind` is what became of it (skipped, missed, truncated,
    superseded, dropped, refused), `reason` a code, `detail` the sentence; `due` the instant in
    question, `at` when it was decided (epoch seconds), `count` how often."""

    at: float
    kind: str
    reason: str
    detail: str = ""
    due: float | None = None
    count: int = 1

    @property
    def sentence(self) -> str:
        """What people read."""
        return self.detail if self.count == 1 else f"{self.count} × {self.detail}"


async def record(
    app: App, dag: str, kind: str, reason: str, detail: str = "", *, due: float | None = None
) -> None:
    """Keep a decision about a DAG. The same one about the same instant is kept once, however often
    it is made."""
    at = app.clock.now()
    value = {"at": at, "due": due, "kind": kind, "reason": reason, "detail": detail}
    number = round((at if due is None else due) * 1e9)
    while True:
        key = f"{dag}/{number:020}"
        try:
            await app.store.put(NAMESPACE, key, value, expected=0, ttl=KEPT)
            return
        except Conflict:
            known = await app.store.get(NAMESPACE, key)
            same = ("due", "kind", "reason")
            if due is not None and known and all(known.value.get(word) == value[word] for word in same):
                return
        number += 1


async def tally(app: App, dag: str, kind: str, reason: str, detail: str, count: int) -> None:
    """Add to the one decision of today of this kind, reason and sentence."""
    at = app.clock.now()
    today = at - at % _DAY
    value = {"at": at, "due": None, "kind": kind, "reason": reason, "detail": detail, "count": count}
    number = round(today * 1e9)
    while True:
        key = f"{dag}/{number:020}"
        known = await app.store.get(NAMESPACE, key)
        if known is None:
            expected, total = 0, count
        elif all(known.value.get(word) == value[word] for word in ("due", "kind", "reason", "detail")):
            expected, total = known.version, count + known.value.get("count", 1)
        else:
            number += 1  # another decision about this instant
            continue
        try:
            await app.store.put(NAMESPACE, key, value | {"count": total}, expected=expected, ttl=KEPT)
            return
        except Conflict:
            continue


async def of(app: App, dag: str, limit: int = 20) -> list[Decision]:
    """The latest decisions about a DAG, newest first."""
    pairs = await app.store.scan(NAMESPACE, f"{dag}/", limit=_MOST)
    return [Decision(**pair.value) for _, pair in reversed(pairs[-limit:])]
