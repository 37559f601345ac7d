"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Executor, hookimpl
from dagu_example.executor import WaitFor

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [WaitFor]
