"""What a step type says of itself holds."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.executor import Capability, Executor, Expansion
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.executor_suite import ExecutorSuite
from dagu_core.testing.harness import NAME

#: capability -> the key of the step, a value for it, the word of the refusal
_USES: dict[str, tuple[str, Any, str]] = {
    "command": ("command", "word", "command field"),
    "commands": ("command", ["one", "two"], "multiple commands"),
    "script": ("script", "word", "script field"),
    "shell": ("shell", "/bin/sh", "shell field"),
    "container": ("container", {"image": "busybox"}, "container field"),
    "call": ("call", "child", "call field"),
    "workerSelector": ("workerSelector", {"zone": "a"}, "workerSelector field"),
}


class WordCases(ExecutorSuite):
    """Capabilities and promises, as the reader of files and the engine take them."""

    def test_its_promises_are_ones_the_core_knows(self) -> None:
        assert not isinstance(self.executor.capabilities, str)
        assert set(self.executor.capabilities) <= set(get_args(Capability))
        assert self.executor.expansion in get_args(Expansion)
        assert isinstance(self.executor.reattaches, bool)

    def test_what_it_finds_again_it_says_and_does(self) -> None:
        if self.executor.reattaches:
            assert self.executor.reattach is not Executor.reattach, "reattaches, but has no `reattach`"

    @pytest.mark.parametrize("capability", get_args(Capability))
    def test_a_field_is_refused_unless_it_is_a_capability(self, capability: str) -> None:
        key, value, refusal = _USES[capability]
        refused = any(refusal in message for message in self._findings({key: value}))
        assert refused is not self._understands(capability)

    def test_its_own_steps_use_only_what_it_understands(self) -> None:
        for step in (self.good_step(), self.failing_step(), self.long_step()):
            found = self._findings(step) if step is not None else []
            assert [message for message in found if "does not support" in message] == []

    def _understands(self, capability: str) -> bool:
        can = self.executor.capabilities
        if capability in ("command", "commands", "script") and "commands" in can:
            return capability != "command" or "command" in can
        if capability == "commands":
            # A list is refused for its number, or, without `command`, for being there at all.
            return "command" not in can
        if capability == "container" and "container" not in self._vocabulary.step_keys:
            return True  # nobody refuses what is no key at all
        return capability in can

    @property
    def _vocabulary(self) -> Any:
        return PluginHost.load(discover=False, plugins=self.plugins).catalog.vocabulary

    def _findings(self, step: Any) -> list[str]:
        import json

        dag = {**self.dag, "steps": [{"name": NAME, **_typed(self.executor.name, step), **step}]}
        try:
            read_definition(json.dumps(dag), path="harness.yaml", vocabulary=self._vocabulary)
        except InvalidDefinition as error:
            return [problem.message for problem in error.problems]
        return []


def _typed(name: str, step: Any) -> dict[str, str]:
    """The type, unless the step has another way to say it."""
    said = {"type", "call", "action", "executor"} & set(step)
    return {} if said else {"type": name}
