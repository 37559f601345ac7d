"""The one object everything hangs on: settings, plugins, store; opened and closed once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from dagu_core.app.dags import Dags
from dagu_core.app.history import History
from dagu_core.app.log_lines import LogLines
from dagu_core.app.runs import Runs
from dagu_core.app.views import RunView
from dagu_core.base.clock import Clock, SystemClock
from dagu_core.base.settings import Settings
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import StateStore
from dagu_core.engine.runner import Runner, Surroundings
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import Run

if TYPE_CHECKING:
    from dagu_core.app.backfill import Backfills
    from dagu_core.app.queues import Queues
    from dagu_core.app.schedules import Schedules


class App:
    """The use cases: `dags`, `runs`, `history`, and, loaded when first asked for, `queues`,
    `schedules`, `backfills`. The CLI and the server call nothing else."""

    def __init__(
        self,
        settings: Settings,
        host: PluginHost,
        store: StateStore,
        clock: Clock,
        lines: LogLines | None = None,
    ) -> None:
        self.settings, self.host, self.store, self.clock = settings, host, store, clock
        self.lines = lines or LogLines.of(settings)
        paths = settings.paths
        self.dags = Dags(paths.dags, paths.base_config, host, paths.kept_plans)
        self.history = History(self)
        self.runs = Runs(self)

    @cached_property
    def queues(self) -> Queues:
        """What may be asked of queues."""
        from dagu_core.app.queues import Queues

        return Queues(self)

    @cached_property
    def schedules(self) -> Schedules:
        """What may be asked of schedules."""
        from dagu_core.app.schedules import Schedules

        return Schedules(self)

    @cached_property
    def backfills(self) -> Backfills:
        """What may be asked of backfills."""
        from dagu_core.app.backfill import Backfills

        return Backfills(self)

    @property
    def catalog(self) -> Catalog:
        return self.host.catalog

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        *,
        plugins: Sequence[object] = (),
        discover: bool = True,
        clock: Clock | None = None,
        host: PluginHost | None = None,
        lines: LogLines | None = None,
    ) -> AsyncIterator[App]:
        """Load plugins and connect the store; both are let go at the end of the block. `lines` is what
        writes log lines, for who tells them elsewhere, too.

        Raises Unavailable when the store cannot be used.
        """
        if host is None:
            host = PluginHost.of(settings, plugins=plugins, discover=discover)
        url = settings.store
        if settings.durability == "full" and url.startswith("sqlite") and "durability=" not in url:
            url += ("&" if "?" in url else "?") + "durability=full"
        store = host.catalog.store(url)(url)
        await store.open()
        try:
            yield cls(settings, host, store, clock or SystemClock(), lines)
        finally:
            await store.close()

    def runner(self, watch: Callable[[Run, Event], None]) -> Runner:
        """A runner in this process."""
        paths = self.settings.paths
        return Runner(
            store=self.store,
            catalog=self.catalog,
            clock=self.clock,
            places=Surroundings(
                home=str(self.settings.home or paths.data.parent),
                data=paths.data,
                logs=paths.logs,
                environ=self.settings.environ,
                log_limit=self.settings.core.log_limit,
            ),
            definitions=self.dags,
            queues=self.queues if self.settings.queues.enabled else None,
            look_ahead=self.settings.durability != "full",
            watch=watch,
            describe=lambda run, event: self.lines.told(event, view_of(run)),
        )


def view_of(run: Run) -> RunView:
    """The live state of a run as a view; shares the state, so it is cheap."""
    return RunView(run.plan, run.summary, run.steps)
