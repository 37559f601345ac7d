"""A step type: `type: shout` writes its command in capitals."""

from typing import Any

from pydantic import Field

from dagu_core import Attempt, Config, Executor, Outcome, hookimpl


class ShoutConfig(Config):
    """How to shout."""

    times: int = Field(1, ge=1, le=10, description="How often.")


class Shout(Executor[ShoutConfig]):
    """Writes its command in capitals."""

    name = "shout"
    Config = ShoutConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[ShoutConfig]) -> Outcome:
        for _ in range(attempt.config.times):
            await attempt.stdout.write(attempt.commands[0].upper().encode() + b"\n")
        return Outcome()


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [Shout]
