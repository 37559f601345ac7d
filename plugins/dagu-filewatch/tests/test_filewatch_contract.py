"""The suite every trigger passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu_core.testing.trigger_contract import TriggerContract
from dagu_filewatch.trigger import FileTrigger


class TestFileTrigger(TriggerContract):
    trigger = FileTrigger
    heavy = ("watchfiles",)

    def config(self) -> Mapping[str, Any]:
        return {"watch": ["*.csv"], "settle": 0}

    def provoke(self, number: int) -> None:
        (self.folder / f"{number}.csv").write_text(str(number))

    def ailing_config(self) -> Mapping[str, Any]:
        return {"watch": ["missing/*.csv"]}


class TestPollingFileTrigger(TestFileTrigger):
    def config(self) -> Mapping[str, Any]:
        return {"watch": ["*.csv"], "settle": "100ms", "mode": "poll", "pollInterval": "100ms"}
