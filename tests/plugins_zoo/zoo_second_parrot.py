"""Claims a word of another plugin, spelled otherwise."""

from typing import Any

from dagu_core import Attempt, Executor, NoConfig, Outcome, hookimpl


class Other(Executor[NoConfig]):
    """Another bird."""

    name = "Bird"

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        return Outcome(exit_code=0)


@hookimpl
def dagu_register_executors() -> list[Any]:
    return [Other]
