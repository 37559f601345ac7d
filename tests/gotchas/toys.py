"""A plugin as small as possible: a step type `container` and the DAG key of the same name."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import Field

from dagu_core import Attempt, Capability, Config, Executor, Expansion, NoConfig, Outcome, hookimpl

DAGU_API = 1


class ContainerField(Config):
    """Where steps run."""

    image: str = Field(description="What to run in.")
    exit_codes: list[int] = Field([], description="The exit code of each attempt, the last one for ever.")


class Container(Executor[NoConfig]):
    """Writes what it was given to stdout and ends with the exit code the DAG asks for."""

    name = "docker"
    aliases = ("container",)
    Config = NoConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "commands", "exec"})

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        given = {"commands": list(attempt.commands), "exec": list(attempt.exec), "script": attempt.script}
        await attempt.stdout.write(json.dumps(given).encode() + b"\n")
        container = attempt.dag_fields.get("container")
        codes = (container.exit_codes if container else None) or [0]
        code = codes[min(attempt.number, len(codes)) - 1]
        return Outcome(exit_code=code, message=f"exec failed with exit code: {code}" if code else "")


class Query(Executor[NoConfig]):
    """Writes its command as it stands: a language of its own may use `$` for itself."""

    name = "jq"
    Config = NoConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "script"})
    expansion: ClassVar[Expansion] = "none"

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        await attempt.stdout.write(f"{attempt.commands[0]}\n".encode())
        return Outcome()


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [Container, Query]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"container": ContainerField}
