"""Stand-ins for tests: a clock that is told the time, an executor that does what it is told."""

from __future__ import annotations

from typing import Any, ClassVar

from dagu_core.base.config import NoConfig
from dagu_core.contracts.executor import Attempt, Capability, Executor
from dagu_core.model.run.events import Outcome


class FakeClock:
    """A `Clock` that stands still until `advance`; its ids count from 1."""

    def __init__(self, at: float = 1_900_000_000.0) -> None:
        self.at = at
        self._given = 0

    def now(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.at += seconds

    def new_run_id(self) -> str:
        return f"run-{self._next():04d}"

    def new_token(self, digits: int = 6) -> str:
        return f"{self._next():0{digits}x}"[-digits:]

    def _next(self) -> int:
        self._given += 1
        return self._given


class ScriptedExecutor(Executor[NoConfig]):
    """A step type `scripted` whose attempts end as they were told to; made by `scripted`."""

    name = "scripted"
    Config = NoConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "commands", "script"})
    #: what attempt 1, 2, ... ends with; the last one goes for all that follow
    script: ClassVar[tuple[Outcome | BaseException, ...]] = (Outcome(),)
    #: (step, attempt) of everything that was carried out, in order
    calls: ClassVar[list[tuple[str, int]]] = []

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        self.calls.append((attempt.step.name, attempt.number))
        told = self.script[min(attempt.number, len(self.script)) - 1]
        if isinstance(told, BaseException):
            raise told
        return told


def scripted(*outcomes: Outcome | BaseException | int, **more: Any) -> type[ScriptedExecutor]:
    """A step type whose first attempt of each step ends with the first outcome, and so on.

    A number is an exit code, an exception is raised. `more` replaces class attributes (`name`).
    """
    script = tuple(Outcome(exit_code=each) if isinstance(each, int) else each for each in outcomes)
    space = {"__doc__": "Ends as it was told to.", "script": script or (Outcome(),), "calls": [], **more}
    return type("Scripted", (ScriptedExecutor,), space)
