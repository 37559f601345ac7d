"""The built-in step types keep the contract that plugins keep."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from dagu_core.builtins.shell import ShellExecutor
from dagu_core.builtins.subdag import ParallelExecutor, SubDagExecutor
from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.harness import run_step

_CHILDREN: list[dict[str, Any]] = [
    {"name": "fine", "steps": [{"command": "true"}]},
    {"name": "wrong", "steps": [{"command": "exit 3"}]},
    {"name": "slow", "maxCleanUpTimeSec": 2, "steps": [{"command": "sleep 60"}]},
]


class TestShell(ExecutorContract):
    executor = ShellExecutor
    is_builtin = True

    def good_step(self) -> Step:
        return {"command": "true"}

    def failing_step(self) -> Step:
        return {"command": "exit 3"}

    def long_step(self) -> Step:
        return {"command": "sleep 60"}

    def printing_step(self, file: Path) -> Step:
        return {"command": f"cat {shlex.quote(str(file))}"}

    def echo_step(self, text: str) -> Step:
        return {"command": f"printf %s {shlex.quote(text)}"}

    def env_step(self, name: str) -> Step:
        return {"command": f'printf %s "${name}"'}

    def leaking_step(self, reference: str) -> Step:
        return {"script": f"cat 'no such file {reference}'"}

    def reattach_step(self, marker: Path) -> Step:
        return {"command": f"sleep 3; echo done >> {shlex.quote(str(marker))}"}


def test_a_shell_step_that_ignores_its_stop_is_killed_with_all_it_started() -> None:
    step = {"command": "trap '' TERM; sleep 60 & setsid sleep 61 & sleep 62; sleep 63"}
    result = run_step(step, dag={"maxCleanUpTimeSec": 1}, stop_after=0.3)
    assert (result.status, result.left) == ("aborted", ())
    assert 1 <= result.stopping < 5 and "step.killed" in result.notes


class TestSubDag(ExecutorContract):
    executor = SubDagExecutor
    is_builtin = True
    documents = _CHILDREN

    def good_step(self) -> Step:
        return {"call": "fine"}

    def failing_step(self) -> Step:
        return {"call": "wrong"}

    def long_step(self) -> Step:
        return {"call": "slow"}


class TestParallel(ExecutorContract):
    executor = ParallelExecutor
    is_builtin = True
    documents = _CHILDREN

    def good_step(self) -> Step:
        return {"call": "fine", "parallel": ["a", "b"]}

    def failing_step(self) -> Step:
        return {"call": "wrong", "parallel": ["a", "b"]}

    def long_step(self) -> Step:
        return {"call": "slow", "parallel": ["a", "b"]}
