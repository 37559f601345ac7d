"""A plugin that does everything right."""

from typing import Any

from pydantic import Field

from dagu_core import Attempt, Config, Executor, Guard, Outcome, SettingsSection, hookimpl, setting

DAGU_API = 1


class ParrotConfig(Config):
    """What a parrot needs."""

    times: int = Field(1, description="How often it says so.")


class Parrot(Executor[ParrotConfig]):
    """Says what it is told."""

    name = "parrot"
    aliases = ("bird",)
    Config = ParrotConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[ParrotConfig]) -> Outcome:
        return Outcome(exit_code=0)


class Perch(Guard):
    """Keeps the parrot in place."""

    name = "perch"

    def hold(self, config: Config, attempt: Attempt[Any]) -> Any:
        raise NotImplementedError


class CageSettings(SettingsSection):
    """The cage."""

    section = "cage"
    width: int = setting(3, "Width in feet.")


@hookimpl
def dagu_register_executors() -> list[Any]:
    return [Parrot]


@hookimpl
def dagu_register_guards() -> list[Any]:
    return [Perch]


@hookimpl
def dagu_register_settings() -> list[Any]:
    return [CageSettings]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"aviary": ParrotConfig}


@hookimpl
def dagu_read_source(text: str) -> str | None:
    return text.removeprefix("parrot:") if text.startswith("parrot:") else None
