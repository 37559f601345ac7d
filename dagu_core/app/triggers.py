"""How the triggers of DAGs fare, as the leading scheduler tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from dagu_core.app.app import App

CURSORS, HEALTH = "triggers", "trigger-health"
#: seconds a word about a trigger is believed
BELIEVED = 60.0


class TriggerHealth(Struct, frozen=True):
    """A trigger entry at work: `kind` and `text` as written, `health` for people, "" = well."""

    dag: str
    kind: str
    text: str
    health: str


async def tell_health(app: App, key: str, one: TriggerHealth) -> None:
    """Say how a trigger fares; `key` is `<dag>/<fingerprint of the entry>`."""
    value = {"kind": one.kind, "text": one.text, "health": one.health}
    await app.store.put(HEALTH, key, value, ttl=BELIEVED)


async def triggers_of(app: App, dag: str = "") -> list[TriggerHealth]:
    """The triggers at work, of one DAG or of all."""
    pairs = await app.store.scan(HEALTH, f"{dag}/" if dag else "", limit=100_000)
    return [TriggerHealth(key.rpartition("/")[0], **pair.value) for key, pair in pairs]
