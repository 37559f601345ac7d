"""`GuardContract`: inherit it, say how your step key is used, and it is proven."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from dagu_core.contracts.guard import Guard
from dagu_core.contracts.part import Part
from dagu_core.testing.executor_suite import GRACE, SLACK, given
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_core.testing.part_suite import PartSuite

Value = Mapping[str, Any]
#: seconds a run of this suite may take before it counts as hanging
_PATIENCE = 8
_TRACE = re.compile(r"^[A-Za-z_]\w*(Error|Exception|Exit)\b")


class GuardContract(PartSuite):
    """What every guard must keep. Methods that return None by default are for what not every guard
    can do; their tests are skipped then."""

    guard: ClassVar[type[Guard]]
    #: whether two attempts with `open_value` are never let in at the same time
    exclusive: ClassVar[bool] = False
    #: DAG-level keys of every DAG of this suite
    dag: ClassVar[Mapping[str, Any]] = {}

    @property
    def part(self) -> type[Part]:
        return self.guard

    def open_value(self) -> Value:
        """What stands under the key when an attempt is let in at once."""
        raise NotImplementedError

    def closed_value(self) -> Value | None:
        """What stands there when an attempt has to wait for at least a minute."""
        return None

    def refused_value(self) -> Value | None:
        """What stands there when an attempt is refused because of what happens, not of how it is
        written."""
        return None

    def test_it_lets_in(self) -> None:
        result = self._run({"command": "true"}, self.open_value())
        assert (result.status, result.step.error, result.left) == ("succeeded", "", ())

    def test_it_lets_go_after_a_success(self) -> None:
        step = {"command": "true", "repeatPolicy": {"repeat": True, "limit": 3, "intervalSec": 0}}
        result = self._run(step, self.open_value())
        assert (result.status, result.step.attempts) == ("succeeded", 3)

    def test_it_lets_go_after_a_failure(self) -> None:
        step = {"command": "exit 3", "retryPolicy": {"limit": 2, "intervalSec": 0}}
        result = self._run(step, self.open_value())
        assert (result.step.exit_code, result.step.attempts) == (3, 3)
        assert result.left == ()

    def test_it_lets_go_when_its_step_is_stopped(self) -> None:
        stopped = self._run({"command": "sleep 60"}, self.open_value(), stop_after=0.3)
        assert (stopped.status, stopped.left) == ("aborted", ())
        assert stopped.stopping <= GRACE + SLACK
        assert self._run({"command": "true"}, self.open_value()).status == "succeeded"

    def test_who_waits_can_be_stopped(self) -> None:
        value = given(self.closed_value(), "closed_value")
        result = self._run({"command": "true"}, value, stop_after=0.3)
        assert result.status == "aborted"
        assert result.stopping <= GRACE + SLACK
        assert result.left == ()

    def test_a_refusal_is_a_sentence(self) -> None:
        result = self._run({"command": "true"}, given(self.refused_value(), "refused_value"))
        assert result.status == "failed"
        assert result.step.error and not _TRACE.match(result.step.error), "raise a DaguError"
        assert result.left == ()

    def test_two_are_never_let_in_at_once(self) -> None:
        if not self.exclusive:
            pytest.skip("the guard does not promise it")
        book = self.folder / "book"
        line = f"echo in >> {shlex.quote(str(book))}; sleep 0.3; echo out >> {shlex.quote(str(book))}"
        inner = {"name": "inner", "steps": [{"command": line, self.guard.name: self.open_value()}]}
        result = self._run({"call": "inner", "parallel": ["a", "b"]}, None, documents=[inner])
        assert result.status == "succeeded", result.step.error
        assert book.read_text("utf-8").split() == ["in", "out"] * 2

    def _run(self, step: Mapping[str, Any], value: Value | None, **more: Any) -> StepResult:
        dag = {"maxCleanUpTimeSec": GRACE, "timeoutSec": _PATIENCE, **self.dag}
        own = {} if value is None else {self.guard.name: value}
        return run_step({**step, **own}, plugins=[offering(self.guard)], dag=dag, **more)
