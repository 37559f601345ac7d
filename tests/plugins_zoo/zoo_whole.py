"""A plugin with something of every kind that the command line shows."""

import asyncio
import sys
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field

from dagu_core import (
    Attempt,
    Command,
    Config,
    Executor,
    NotFound,
    Outcome,
    Place,
    Problem,
    SettingsSection,
    hookimpl,
    setting,
)

DAGU_API = 1


class LampConfig(Config):
    """How a lamp shines."""

    watts: int = Field(40, description="How bright.")


class Lamp(Executor[LampConfig]):
    """Shines through a process of its own."""

    name = "lamp"
    Config = LampConfig
    capabilities = frozenset({"command"})
    reattaches = True

    async def run(self, attempt: Attempt[LampConfig]) -> Outcome:
        code = await attempt.spawn(["/bin/sh", "-c", attempt.commands[0]])
        await attempt.stdout.write(f"{attempt.config.watts} W\n".encode())
        return Outcome(exit_code=code)

    async def reattach(self, attempt: Attempt[LampConfig]) -> Outcome:
        code = await attempt.reattach()
        if code is None and attempt.never_started:
            return await self.run(attempt)
        return Outcome(exit_code=code, ended="lost" if code is None else "exited")


class Mule(Executor[LampConfig]):
    """Stands where it stands."""

    name = "mule"
    Config = LampConfig

    async def run(self, attempt: Attempt[LampConfig]) -> Outcome:
        while True:
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue


class LampSettings(SettingsSection):
    """The lamps of the house."""

    section = "lamps"
    number: int = setting(3, "How many there are.")


def _load_shine() -> Any:
    import click

    @click.command("shine")
    @click.argument("where")
    def shine(where: str) -> int:
        """Shine somewhere."""
        if where == "nowhere":
            raise NotFound("there is no such place", hint="try `here`")
        click.echo(f"shining {where}")
        return 0

    return shine


@hookimpl
def dagu_register_executors() -> list[Any]:
    return [Lamp, Mule]


@hookimpl
def dagu_register_settings() -> list[Any]:
    return [LampSettings]


@hookimpl
def dagu_register_commands() -> list[Command]:
    return [
        Command("shine", "Shine somewhere.", _load_shine),
        Command("flicker", "Cannot be loaded.", lambda: sys.modules["no such module"]),  # type: ignore[arg-type, return-value]
    ]


@hookimpl
def dagu_read_source(path: Path, text: str) -> str | None:
    import yaml

    return yaml.safe_dump(tomllib.loads(text)) if path.suffix == ".toml" else None


@hookimpl
def dagu_lint(plan: Any) -> list[Problem]:
    dim = [step.name for step in plan.steps if step.config.get("watts") == 1]
    return [Problem(f"{name} is dim", Place(1, 1), code="L001", severity="warning") for name in dim]
