"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import (
    Command,
    Config,
    Executor,
    Places,
    Plan,
    Problem,
    Settings,
    SettingsSection,
    hookimpl,
)
from dagu_docker.auth_config import RegistryAuths
from dagu_docker.config import ContainerField
from dagu_docker.executor import DockerExecutor
from dagu_docker.settings import DockerPolicy, DockerSettings

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [DockerExecutor]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"container": ContainerField, "registryAuths": RegistryAuths}


@hookimpl
def dagu_register_settings() -> list[type[SettingsSection]]:
    return [DockerSettings, DockerPolicy]


@hookimpl
def dagu_register_commands() -> list[Command]:
    return [Command("cleanup --images", "Remove images that were built for DAGs.", _cleanup)]


@hookimpl
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    from dagu_docker.lint import problems

    return problems(plan, settings, places)


def _cleanup() -> Any:
    from dagu_docker.images_verb import cleanup

    return cleanup
