"""What an executor says of its result beyond the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core import Attempt, Executor, NoConfig, Outcome
from dagu_core.testing.harness import StepResult, offering, run_step

_SECRET = "swordfish-0042"


class Given(Executor[NoConfig]):
    """Writes one thing and gives another."""

    name = "given"
    result = Outcome()

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        await attempt.stdout.write(b"written\n")
        return type(self).result


def _run(result: Outcome, **step: Any) -> StepResult:
    part = type("Made", (Given,), {"result": result, "__doc__": "Gives."})
    secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
    return run_step(
        {"type": "given", **step},
        plugins=[offering(part)],
        dag={"secrets": secrets, "maxOutputSize": 1000},
        environ={"SOURCE": _SECRET},
        secrets=[_SECRET],
    )


@pytest.mark.parametrize(("retryable", "attempts"), [(True, 3), (False, 1)])
def test_a_failure_no_retry_can_mend_is_not_tried_again(retryable: bool, attempts: int) -> None:
    failed = Outcome(exit_code=4, message="no", retryable=retryable)
    result = _run(failed, retryPolicy={"limit": 2, "intervalSec": 0})
    assert (result.status, result.step.attempts) == ("failed", attempts)


def test_a_value_that_is_given_stands_for_the_captured_one() -> None:
    assert _run(Outcome(output="given"), output="X").step.output == "given"
    assert _run(Outcome(), output="X").step.output == "written"


def test_a_value_nobody_asked_for_is_not_kept() -> None:
    result = _run(Outcome(output=_SECRET))
    assert result.step.output is None and result.leaks == ()


def test_secrets_in_it_become_references() -> None:
    result = _run(Outcome(output=f"it is {_SECRET}"), output="X")
    assert result.step.output is not None and result.step.output.startswith("it is ")
    assert result.leaks == ()


def test_it_has_the_limit_of_all_outputs() -> None:
    result = _run(Outcome(output="x" * 1001), output="X")
    assert (result.status, result.step.output) == ("failed", None)
    assert "output exceeded maximum size limit of 1000 bytes" in result.step.error
