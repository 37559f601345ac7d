"""What a step type says of itself holds."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.executor import Capability, Executor, Expansion
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.executor_suite import ExecutorSuite, Step
from dagu_core.testing.harness import NAME

#: what a step says to use a capability
_USES: dict[str, Step] = {
    "command": {"command": "word"},
    "commands": {"command": ["one", "two"]},
    "exec": {"exec": ["one", "two"]},
    "script": {"script": "word"},
    "shell": {"shell": "/bin/sh"},
    "container": {"container": {"image": "busybox"}},
    "call": {"call": "child"},
    "workerSelector": {"workerSelector": {"zone": "a"}},
}


class WordCases(ExecutorSuite):
    """Capabilities and promises, as the reader of files and the engine take them."""

    def test_its_promises_are_ones_the_core_knows(self) -> None:
        assert not isinstance(self.executor.capabilities, str)
        assert set(self.executor.capabilities) <= set(get_args(Capability))
        assert self.executor.expansion in get_args(Expansion)

    def test_who_finds_attempts_again_has_a_way_to(self) -> None:
        assert not self.executor.reattaches or self.executor.reattach is not Executor.reattach

    @pytest.mark.parametrize("capability", get_args(Capability))
    def test_a_field_is_refused_unless_it_is_a_capability(self, capability: str) -> None:
        found = self._problems({"type": self.executor.name, **_USES[capability]})
        refused = [
            message
            for message in found
            if "does not support" in message or (capability == "container" and "container" in message)
        ]
        can: set[str] = set(self.executor.capabilities)
        if "exec" in can:
            can.add("script")  # which becomes `exec: [sh, -c, ...]`
        assert bool(refused) is (capability not in can), refused

    def test_its_own_steps_use_only_what_it_understands(self) -> None:
        for step in (self.good_step(), self.failing_step(), self.long_step() or {"command": "none"}):
            assert [each for each in self._problems(step) if "does not support" in each] == []

    def _problems(self, step: Step) -> list[str]:
        main: dict[str, Any] = {**self.dag, "steps": [{"name": NAME, **step}]}
        text = "\n---\n".join(json.dumps(each) for each in (main, *self.documents))
        words = PluginHost.load(discover=False, plugins=self.plugins).catalog.vocabulary
        try:
            read_definition(text, path="harness.yaml", vocabulary=words)
        except InvalidDefinition as error:
            return [problem.message for problem in error.problems]
        return []
