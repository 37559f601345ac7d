"""Step types whose work is a Python function in a process of its own.

The process runs under the step's supervisor like any command: it can be killed, it outlives the
engine and is found again, its memory is its own, and nothing it does blocks other steps.
"""

from __future__ import annotations

import json
import os
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dagu_core.contracts.executor import Attempt, Executor
from dagu_core.model.run.events import Outcome

if TYPE_CHECKING:
    from dagu_core.base.config import Config

C = TypeVar("C", bound="Config")
_RUN = "import sys; from dagu_core.contracts.work import run; run(sys.argv[1], sys.argv[2])"


class WorkerExecutor(Executor[C]):
    """A step type done by the function `work` ("package.module:function") in its own process.

    `request` makes the JSON data the function gets; what it prints is the step's output, the
    number it returns the exit code. See `dagu_core.contracts.work` for its side.
    """

    work: ClassVar[str]
    reattaches = True

    @abstractmethod
    async def request(self, attempt: Attempt[C]) -> Any:
        """What the work needs to know, as JSON data. Raises DaguError for what makes no sense."""

    def explain(self, attempt: Attempt[C], code: int) -> str:
        """What the exit code means, in a sentence; stderr is added to it."""
        return f'failed to execute step "{attempt.step.name}": exit status {code}'

    async def run(self, attempt: Attempt[C]) -> Outcome:
        request = attempt.scratch / "request.json"
        data = json.dumps(await self.request(attempt), ensure_ascii=False)
        # It may hold secrets: private, and removed by the work as soon as it has read it.
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(request, flags, 0o600), "wb") as file:
            file.write(data.encode("utf-8", "surrogateescape"))
        argv = [sys.executable, "-P", "-E", "-c", _RUN, self.work, str(request)]
        return self.outcome(attempt, await attempt.spawn(argv))

    async def reattach(self, attempt: Attempt[C]) -> Outcome:
        code = await attempt.reattach()
        if code is not None:
            return self.outcome(attempt, code)
        if attempt.never_started:
            return await self.run(attempt)
        return Outcome(exit_code=None, ended="lost", message="lost: machine or all processes ended")

    def outcome(self, attempt: Attempt[C], code: int) -> Outcome:
        """What the exit code stands for."""
        return Outcome() if code == 0 else Outcome(exit_code=code, message=self.explain(attempt, code))
