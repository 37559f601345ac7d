"""What becomes of an attempt whose engine is killed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagu_core.app.views import RunView
from dagu_core.testing.engine import Engine
from dagu_core.testing.executor_suite import GRACE, ExecutorSuite, Step, given
from dagu_core.testing.harness import NAME

#: seconds an attempt is let alone before its engine is killed
_HEADWAY = 1.0


class RecoveryCases(ExecutorSuite):
    """A real engine runs the step, is killed, and another one takes over."""

    #: OS environment of the engine, for types that need some of it
    environ: Mapping[str, str] = {}

    def test_an_attempt_is_found_again_after_the_engine_was_killed(self) -> None:
        if not self.executor.reattaches:
            pytest.skip("the step type does not offer it")
        marker = self.folder / "marker"
        view = self._killed(given(self.reattach_step(marker), "reattach_step"))
        step = view.steps[view.plan.by_name[NAME]]
        assert (step.status.label, step.error, step.attempts) == ("succeeded", "", 1)
        assert view.summary.status.label == "succeeded"
        assert len(marker.read_text("utf-8").splitlines()) == 1, "it was done twice, or not at all"

    def test_what_cannot_be_found_again_is_said_to_be_lost(self) -> None:
        if self.executor.reattaches:
            pytest.skip("the step type finds its attempts again")
        view = self._killed(given(self.long_step(), "long_step"))
        step = view.steps[view.plan.by_name[NAME]]
        assert (step.status.label, step.exit_code) == ("failed", None)
        assert step.error

    def _killed(self, step: Step) -> RunView:
        dag: dict[str, Any] = {"maxCleanUpTimeSec": GRACE, **self.dag}
        parts = () if self.is_builtin else (self.executor,)
        with Engine(self.folder / "home", parts, self.environ) as engine:
            engine.start(step, dag, self.documents)
            engine.wait_for(engine.has_begun)
            engine.let_work(_HEADWAY)
            engine.kill()
            return engine.recover()
