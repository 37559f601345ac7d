"""Queries that never end or take all memory."""

from __future__ import annotations

import time
from typing import Any

from dagu_core.testing.harness import offering, run_step
from dagu_jq.executor import JqExecutor

PLUGINS = (offering(JqExecutor),)
GRACE = 2


def _run(query: str, *, config: dict[str, Any] | None = None, **more: Any) -> Any:
    step = {"type": "jq", "command": query, "config": {"nullInput": True, **(config or {})}}
    seconds = more.pop("timeout", None)
    if seconds is not None:
        step["timeoutSec"] = seconds
    return run_step(step, plugins=PLUGINS, dag={"maxCleanUpTimeSec": GRACE}, **more)


def test_P44_a_query_without_end_ends_by_its_timeout() -> None:
    began = time.monotonic()
    result = _run("last(repeat(1))", timeout=3)
    assert (result.status, result.step.exit_code) == ("failed", 124)
    assert time.monotonic() - began <= 3 + GRACE + 3
    assert result.left == ()


def test_P44_a_query_without_end_ends_by_a_stop() -> None:
    result = _run("last(repeat(1))", stop_after=0.5)
    assert result.status == "aborted"
    assert result.stopping <= GRACE
    assert result.left == ()


def test_P44_a_huge_array_is_stopped_by_the_memory_limit() -> None:
    result = _run("[range(1e9)] | length", config={"maxMemory": "128Mi"})
    assert result.status == "failed"
    assert "memory" in result.step.error and "maxMemory" in result.step.error
    assert result.left == ()


def test_results_of_a_stopped_query_are_there() -> None:
    result = _run("1, last(repeat(2))", timeout=1, config={"raw": True})
    assert (result.step.exit_code, result.stdout) == (124, b"1\n")
