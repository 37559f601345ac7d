"""What was decided instead of starting a run, kept with its reason: no fire vanishes silently."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct, ValidationError, convert
from msgspec.structs import replace

from dagu_core.base.errors import Conflict, Unavailable, UsageError

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.contracts.store import Versioned

NAMESPACE = "decisions"
#: how many there were on the last day that had some, by DAG
_COUNTS = "decisions-counted"
#: seconds a decision is kept
KEPT = 30 * 86_400.0
#: decisions of a DAG that are kept one by one on one day; the others are counted by their reason
MOST_A_DAY = 1000
_BEYOND = f"beyond the {MOST_A_DAY} of a day that are told one by one"
_ALL = 1_000_000
_DAY = 86_400.0

Kind = Literal["skipped", "missed", "truncated", "superseded", "dropped", "refused", "warned", "removed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Decision(Struct, frozen=True):
    """Why something due was not done, or was done in doubt. `kind` is what became of it, `reason` a
    code, `detail` the sentence; `due` the instant in question, `at` when it was decided (epoch
    seconds), `count` how often, `fire` the key of the fire of a trigger."""

    at: float
    kind: str
    reason: str
    detail: str = ""
    due: float | None = None
    count: int = 1
    fire: str = ""
    dag: str = ""

    @property
    def sentence(self) -> str:
        """What people read."""
        told = ": ".join(filter(None, (self.fire, self.detail)))
        return told if self.count == 1 else f"{self.count} × {told}"


class DecisionQuery(Struct, frozen=True):
    """Which decisions to list: of one DAG, of some kinds, made from `since` on up to `until` (epoch
    seconds), no more than the last `limit`. Empty = no restriction."""

    dag: str = ""
    kinds: tuple[Kind, ...] = ()
    since: float | None = None
    until: float | None = None
    limit: int = 100


async def record(
    app: App,
    dag: str,
    kind: Kind,
    reason: str,
    detail: str = "",
    *,
    due: float | None = None,
    fire: str = "",
    action: str = "start",
) -> Decision:
    """Keep a decision about a DAG. The same one about the same instant, fire and action is kept once,
    however often it is made."""
    made = Decision(app.clock.now(), kind, reason, detail, due, fire=fire, dag=dag)
    told = detail if due is None else action.removeprefix("start")
    key = _key(made, made.at if due is None else due, told)
    today = _day(made.at)
    count = await _counted(app, dag, today)
    if count >= MOST_A_DAY:
        if await app.store.get(NAMESPACE, key) is None:
            await tally(app, dag, kind, reason, _BEYOND)
        return made
    try:
        await app.store.put(NAMESPACE, key, _kept(made), expected=0, ttl=KEPT)
    except Conflict:  # it is kept already
        return made
    await app.store.put(_COUNTS, dag, {"day": today, "count": count + 1}, ttl=KEPT)
    return made


async def tally(app: App, dag: str, kind: Kind, reason: str, detail: str, count: int = 1) -> Decision:
    """Add to the one decision of today of this kind, reason and sentence."""
    made = Decision(app.clock.now(), kind, reason, detail, count=count, dag=dag)
    key = _key(made, _day(made.at), detail)
    while True:
        known = await app.store.get(NAMESPACE, key)
        expected, before = (known.version, known.value.get("count", 1)) if known else (0, 0)
        value = _kept(replace(made, count=before + count))
        try:
            await app.store.put(NAMESPACE, key, value, expected=expected, ttl=KEPT)
            return made
        except Conflict:
            continue


async def of(app: App, dag: str, limit: int = 20) -> list[Decision]:
    """The latest decisions about a DAG, newest first."""
    return (await find(app, DecisionQuery(dag, limit=limit)))[::-1]


async def find(app: App, query: DecisionQuery) -> list[Decision]:
    """The latest decisions that match, newest last."""
    pairs = await app.store.scan(NAMESPACE, f"{query.dag}/" if query.dag else "", limit=_ALL)
    found = [one for one in _read(pairs) if _matches(one, query)]
    found.sort(key=lambda one: one.at)
    return found[-query.limit :]


async def find_about(app: App, ref: str, query: DecisionQuery) -> list[Decision]:
    """As `find`, of the DAG somebody names ("" = all of them). Raises NotFound for one that has neither
    file nor run nor decisions."""
    if not ref:
        return await find(app, query)
    from dagu_core.app.history import known_dag

    name = app.dags.name_of(ref)
    if not (found := await find(app, replace(query, dag=name))) and not await of(app, name, 1):
        await known_dag(app, ref)
    return found


def kinds_of(words: str) -> tuple[Kind, ...]:
    """The kinds of a comma list. Raises UsageError."""
    wanted = [word.strip().lower() for word in words.split(",") if word.strip()]
    for word in wanted:
        if word not in KINDS:
            raise UsageError(f"{word[:40]!r} is no kind of decision", hint=f"there are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted)


async def _counted(app: App, dag: str, today: float) -> int:
    try:
        counted = await app.store.get(_COUNTS, dag)
    except Unavailable:
        # Damaged: counted anew. A store that is away says so again with the next word.
        return 0
    return int(counted.value["count"]) if counted and counted.value["day"] == today else 0


def _read(pairs: Iterable[tuple[str, Versioned]]) -> Iterable[Decision]:
    for key, pair in pairs:
        try:
            yield replace(convert(pair.value, Decision), dag=key.partition("/")[0])
        except ValidationError:
            continue  # of another version


def _matches(one: Decision, query: DecisionQuery) -> bool:
    return (
        (not query.kinds or one.kind in query.kinds)
        and (query.since is None or one.at >= query.since)
        and (query.until is None or one.at <= query.until)
    )


def _key(one: Decision, at: float, what: str) -> str:
    """By instant; `what` tells it from others of the same instant and reason, and makes it found without
    looking through them, however many there are."""
    mark = "\0".join((one.kind, one.reason, one.fire, what)).encode("utf-8", "surrogatepass")
    return f"{one.dag}/{round(at * 1e9):020}/{sha256(mark).hexdigest()[:16]}"


def _kept(one: Decision) -> dict[str, object]:
    value: dict[str, object] = {"at": one.at, "due": one.due, "kind": one.kind, "reason": one.reason}
    more = {"fire": one.fire, "count": one.count if one.count > 1 else 0}
    return value | {"detail": one.detail} | {key: each for key, each in more.items() if each}


def _day(at: float) -> float:
    return at - at % _DAY
