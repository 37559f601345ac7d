"""`jq` keeps what every step type must."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_jq.executor import JqExecutor

#: a few seconds of computing, wherever it runs
SOME_SECONDS = "[range(1500000)] | map(. % 7) | add | 1"


class TestJq(ExecutorContract):
    """The inherited suite. `jq` writes JSON text, never bytes, so it has no `printing_step`."""

    executor = JqExecutor
    heavy = ("jq",)

    def good_step(self) -> Step:
        return {"type": "jq", "command": ".a", "script": '{"a": 1}'}

    def failing_step(self) -> Step:
        return {"type": "jq", "command": ".a.b", "script": '{"a": 1}'}

    def long_step(self) -> Step:
        return {"type": "jq", "command": "last(repeat(1))", "script": "1"}

    def echo_step(self, text: str) -> Step:
        config = {"nullInput": True, "raw": True, "args": {"x": text}}
        return {"type": "jq", "command": "$x", "config": config}

    def env_step(self, name: str) -> Step:
        return {"type": "jq", "command": f"$ENV.{name}", "config": {"nullInput": True, "raw": True}}

    def leaking_step(self, reference: str) -> Step:
        return {
            "type": "jq",
            "command": "$t | error",
            "config": {"nullInput": True, "args": {"t": reference}},
        }

    def reattach_step(self, marker: Path) -> Step:
        return {
            "type": "jq",
            "command": SOME_SECONDS,
            "config": {"nullInput": True},
            "stdout": str(marker),
        }
