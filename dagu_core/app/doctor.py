"""What is not as it should be, and what to do about it; some of it is done if asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from dagu_core.app.app import App
from dagu_core.app.checks import machine, places, records, services, strays
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.services import Service
from dagu_core.app.services import services as services_there
from dagu_core.base.clock import Clock
from dagu_core.base.errors import DaguError
from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost

Look = Callable[[App, Treatment], Awaitable[list[Finding]]]
#: in this order: strays are what is left when all dead runs were taken over
LOOKS: tuple[Look, ...] = (
    machine.clock,
    records.integrity,
    services.dead_runs,
    services.frozen_runs,
    services.lock_files,
    services.notes,
    services.queues,
    records.definitions,
    strays.strays,
)


async def examine(
    settings: Settings, host: PluginHost, treatment: Treatment | None = None, clock: Clock | None = None
) -> list[Finding]:
    """Look at everything; a store that does not open is a finding like the others."""
    treatment = treatment or Treatment()
    found = [*places.folders(settings), *places.disks(settings)]
    found += [*machine.settings(settings, host), *machine.zone(settings), *machine.limits()]
    found += machine.plugins(host)
    try:
        async with App.open(settings, host=host, clock=clock) as app:
            for look in LOOKS:
                found += await _told(look, app, treatment)
    except DaguError as error:
        found.append(_broken("store", error, settings.store))
    return found


async def living(settings: Settings, host: PluginHost) -> list[Service]:
    """The services that are there; none when the store cannot be asked."""
    try:
        async with App.open(settings, host=host) as app:
            return await services_there(app)
    except DaguError:
        return []


def is_well(found: Sequence[Finding]) -> bool:
    """Whether nothing is left that somebody should look at."""
    return all(one.done for one in found)


async def _told(look: Look, app: App, treatment: Treatment) -> list[Finding]:
    """One look; what keeps it from looking must not keep the others."""
    try:
        return await look(app, treatment)
    except DaguError as error:
        return [_broken(look.__name__, error, app.settings.store)]


def _broken(check: str, error: DaguError, where: str) -> Finding:
    return Finding(check, "error", str(error), where, error.hint or "`dagu config` shows what is configured")
