"""The suite every step type passes, told how `wait-for` is used."""

from __future__ import annotations

import threading
from pathlib import Path

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_example.executor import WaitFor


class TestWaitFor(ExecutorContract):
    executor = WaitFor

    def good_step(self) -> Step:
        return {"type": "wait-for", "config": {"file": __file__}}

    def failing_step(self) -> Step:
        return {"type": "wait-for", "config": {"file": "never", "timeout": 0.1, "interval": 0.05}}

    def long_step(self) -> Step:
        return {"type": "wait-for", "config": {"file": "never", "timeout": 120}}

    def leaking_step(self, reference: str) -> Step:
        return {"type": "wait-for", "config": {"file": reference, "timeout": 0.1, "interval": 0.05}}

    def reattach_step(self, marker: Path) -> Step:
        file = self.folder / "there"
        threading.Timer(3, file.touch).start()
        return {"type": "wait-for", "config": {"file": str(file)}, "stdout": str(marker)}
