"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Config, Executor, hookimpl
from dagu_ssh.config import SshSettings
from dagu_ssh.executor import SshExecutor

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [SshExecutor]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"ssh": SshSettings}
