"""The suite every step type passes, told how `file_sensor` is used."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_filewatch.sensor import FileSensor


class TestFileSensor(ExecutorContract):
    executor = FileSensor
    heavy = ("watchfiles",)

    def good_step(self) -> Step:
        return {"type": "file_sensor", "config": {"path": __file__}}

    def failing_step(self) -> Step:
        return {"type": "file_sensor", "config": {"path": "never", "timeout": "100ms"}}

    def long_step(self) -> Step:
        return {"type": "file_sensor", "config": {"path": "never", "timeout": "2m"}}

    def leaking_step(self, reference: str) -> Step:
        return {"type": "file_sensor", "config": {"path": reference, "timeout": "100ms"}}

    def reattach_step(self, marker: Path) -> Step:
        return {
            "type": "file_sensor",
            "stdout": str(marker),
            "config": {"path": __file__, "settle": "3s"},
        }
