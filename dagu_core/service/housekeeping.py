"""The past is kept within its limits, also that of DAGs that never run again."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.app import retention
from dagu_core.app.retention import Keeping
from dagu_core.base.errors import DaguError, NotFound
from dagu_core.base.settings import HistorySettings
from dagu_core.contracts.store import RunQuery, definition_key
from dagu_core.model.plan.plan import Source
from dagu_core.service.beat import rest

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: the lease of whoever does it; nobody else does before it has run out
LEASE = "housekeeping"
#: seconds between two passes, whoever does them, and between two tries to be the one
EVERY, TRY = 600.0, 60.0


class Housekeeping:
    """One process that may do it. `engine` names it."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        #: what those DAGs keep that say something about it, by their definition
        self._keeping: dict[tuple[str, str], Keeping] = {}

    async def serve(self, app: App) -> None:
        """Do it whenever it is our turn, for ever."""
        while True:
            done = None
            try:
                done = await self.pass_in_turn(app)
            except DaguError as error:
                sys.stderr.write(f"housekeeping: {error}\n")
            await rest(TRY if done is None else EVERY)

    async def pass_in_turn(self, app: App) -> int | None:
        """One pass, if nobody has done one lately; None = it is not time. Raises Unavailable."""
        if await app.store.acquire(LEASE, self._engine, EVERY) is None:
            return None
        return await self.pass_once(app)

    async def pass_once(self, app: App) -> int:
        """Remove what no DAG keeps, and what is too large; how many runs were removed."""
        removed = 0
        known, self._keeping = self._keeping, {}
        for dag in await app.store.dags():
            keeping = await self._of(app, dag, known)
            if keeping is not None:
                removed += await retention.apply(app, dag, keeping)
        limits = app.settings.section(HistorySettings)
        if limits.max_size or limits.max_size_per_dag:
            removed += await retention.remove_largest(app, limits.max_size, limits.max_size_per_dag)
        return removed

    async def _of(self, app: App, dag: str, known: dict[tuple[str, str], Keeping]) -> Keeping | None:
        """What the DAG keeps as its file says now, else as it said at the latest run. None when
        neither can be read: then everything stays."""
        latest = await app.store.find(RunQuery(dag=dag, limit=1))
        if not latest:
            return None
        try:
            source = await app.store.definition(latest[0].definition)
        except NotFound:
            return None
        for one in (_as_it_is_now(app, source), source):
            with contextlib.suppress(DaguError):
                return self._said_in(app, one, dag, known)
        return None

    def _said_in(self, app: App, source: Source, dag: str, known: dict[tuple[str, str], Keeping]) -> Keeping:
        if "retention" not in (source.text + source.base).lower():
            return Keeping()
        key = (dag, definition_key(source))
        if (keeping := known.get(key)) is None:
            keeping = Keeping.of(app.dags.plan_of(source, name=dag))
        self._keeping[key] = keeping
        return keeping


def _as_it_is_now(app: App, source: Source) -> Source:
    """The definition of today at the same place; the stored one when its file is gone."""
    path = Path(source.path) if source.path else None
    if path is None or not path.is_file():
        return source
    try:
        return Source(app.dags.text_of(path), source.path, source.document, app.dags.base_text())
    except DaguError:
        return source
