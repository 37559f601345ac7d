"""Which long-lived processes there are: each leaves a note while it lives; and how to wake them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from dagu_core.engine.liveness import host_name, living_pid, poke

if TYPE_CHECKING:
    from dagu_core.app.app import App

NAMESPACE = "services"
#: seconds a note is believed without being renewed, and between two renewals
BELIEVED, RENEWED = 40.0, 15.0


class Service(Struct, frozen=True):
    """A living process: what it is (`runner`, `scheduler`), its engine id, host and pid, when it
    began (epoch seconds), and what else it says of itself."""

    kind: str
    engine: str
    host: str
    pid: int
    since: float
    details: dict[str, Any]

    @property
    def blocked(self) -> str:
        """Why it begins nothing at the moment, for people; "" = nothing hinders it."""
        return str(self.details.get("blocked", ""))


async def register(app: App, kind: str, engine: str, since: float, **details: Any) -> None:
    """Leave or renew the note of this process."""
    value = {"host": host_name(), "pid": os.getpid(), "since": since, **details}
    await app.store.put(NAMESPACE, f"{kind}/{engine}", value, ttl=BELIEVED)


async def unregister(app: App, kind: str, engine: str) -> None:
    """Take the note back."""
    await app.store.remove(NAMESPACE, f"{kind}/{engine}")


async def services(app: App, kind: str = "") -> list[Service]:
    """The processes that live, by kind and engine; those of this host by kernel proof."""
    found = []
    for key, pair in await app.store.scan(NAMESPACE, f"{kind}/" if kind else ""):
        its_kind, _, engine = key.partition("/")
        note = dict(pair.value)
        host, pid, since = note.pop("host", ""), note.pop("pid", 0), note.pop("since", 0.0)
        if host == host_name() and living_pid(app.settings.paths.data, engine) is None:
            continue
        found.append(Service(its_kind, engine, host, pid, since, note))
    return found


async def wake_runners(app: App) -> int:
    """Tell the runners of this host that something waits; how many there are."""
    data = app.settings.paths.data
    local = [one for one in await services(app, "runner") if one.host == host_name()]
    return sum(poke(data, one.engine) for one in local)


async def wake_schedulers(app: App) -> int:
    """Tell the schedulers of this host that there is a held run, or a backfill to go on with; how many
    of them hear it."""
    data = app.settings.paths.data
    local = [one for one in await services(app, "scheduler") if one.host == host_name()]
    return sum(poke(data, one.engine) for one in local if one.details.get("listens"))
