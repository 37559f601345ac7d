"""What this package offers: the step type `jq`."""

from __future__ import annotations

from typing import Any

from dagu_core import Executor, hookimpl

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    from dagu_jq.executor import JqExecutor

    return [JqExecutor]
