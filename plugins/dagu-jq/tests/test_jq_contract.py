"""`jq` keeps what every step type must."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_jq.executor import JqExecutor

#: a few seconds of computing, wherever it runs
SOME_SECONDS = "[range(1500000)] | map(. % 7) | add | 1"


class TestJq(ExecutorContract):
    """The inherited suite. `jq` writes texts, each as a line; never bytes."""

    executor = JqExecutor
    prints = "lines"
    big_output = 32 << 20  # two million results, each made and written by itself
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

    def printing_step(self, file: Path) -> Step:
        with file.open(encoding="utf-8") as content:
            lines = (line.removesuffix("\n") for line in content)
            runs = [[line, sum(1 for _ in same)] for line, same in groupby(lines)]
        (written := file.with_suffix(".json")).write_text(json.dumps(runs))
        query = ".[] | .[0] as $line | range(.[1]) | $line"
        return {"type": "jq", "command": query, "config": {"raw": True, "input": str(written)}}

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
