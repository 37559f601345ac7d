"""Use cases on queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagu_core.model.run.run import RunRef

if TYPE_CHECKING:
    from dagu_core.app.app import App


class Queues:
    """What may be asked of queues."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def limit_of(self, name: str, next_run: RunRef) -> int:
        """How many runs of the queue may hold a slot at once; 0 = paused."""
        if (limit := self.app.settings.queues.limit(name)) is not None:
            return limit
        stored = await self.app.store.load(next_run)
        launch = await self.app.runs.launch_again(stored, next_run.run_id)
        return max(1, launch.plan.max_active_runs)
