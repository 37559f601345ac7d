"""`ExecutorContract`: inherit it, say how your step type is used, and it is proven.

class TestHttp(ExecutorContract):
    executor = HttpExecutor
    heavy = ("httpx",)

    def good_step(self) -> Step:
        return {"type": "http", "command": f"GET {self.server}/ok"}
"""

from dagu_core.testing.executor_recovery import RecoveryCases
from dagu_core.testing.executor_secrets import SecretCases
from dagu_core.testing.executor_suite import Step
from dagu_core.testing.executor_words import WordCases
from dagu_core.testing.executor_work import OutputCases, WorkCases

__all__ = ["ExecutorContract", "Step"]


class ExecutorContract(WordCases, WorkCases, OutputCases, SecretCases, RecoveryCases):
    """What every step type must keep; see `executor_suite.ExecutorSuite` for what to tell it.

    `good_step` and `failing_step` are needed, the other methods add tests: the more of them a
    suite has, the more it proves.
    """
