"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Config, Executor, Notifier, SettingsSection, hookimpl
from dagu_http.executor import HttpExecutor
from dagu_http.network import NetworkConfig, NetworkSettings
from dagu_http.webhook import Webhook

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [HttpExecutor]


@hookimpl
def dagu_register_notifiers() -> list[type[Notifier]]:
    return [Webhook]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"network": NetworkConfig}


@hookimpl
def dagu_register_settings() -> list[type[SettingsSection]]:
    return [NetworkSettings]
