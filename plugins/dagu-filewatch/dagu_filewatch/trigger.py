"""The trigger type `file`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from dagu_core import Config as Model
from dagu_core import Fire, Trigger, TriggerScope
from dagu_filewatch.config import FileConfig


class FileTrigger(Trigger):
    """Starts, stops or restarts a DAG when files appear, change or go."""

    name = "file"
    Config = FileConfig
    icon = "folder-open"

    async def fires(self, scope: TriggerScope, config: Model, cursor: Any) -> AsyncIterator[Fire]:
        from dagu_filewatch.watch import Watch

        assert isinstance(config, FileConfig)
        watch = Watch(scope, config, self._tell)
        try:
            async with aclosing(watch.fires(cursor)) as fires:
                async for fire in fires:
                    yield fire
        finally:
            watch.close()

    def _tell(self, health: str) -> None:
        self.health = health
