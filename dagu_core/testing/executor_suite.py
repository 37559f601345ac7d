"""What the tests of step types stand on: how the type under test is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import pytest

from dagu_core.contracts.executor import Executor
from dagu_core.contracts.part import Part
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_core.testing.part_suite import PartSuite

T = TypeVar("T")
Step = Mapping[str, Any]

#: seconds of grace in every DAG of the suite, and what a stop may take beyond
GRACE = 2
SLACK = 3.0


class ExecutorSuite(PartSuite):
    """The step type under test, and steps that use it.

    Methods that return None by default are for what not every type can do; their tests are skipped
    then.
    """

    #: the step type under test
    executor: ClassVar[type[Executor[Any]]]
    #: whether the core itself offers it
    is_builtin: ClassVar[bool] = False
    #: DAG-level keys, and further documents, of every DAG of this suite
    dag: ClassVar[Mapping[str, Any]] = {}
    documents: ClassVar[Sequence[Mapping[str, Any]]] = ()
    #: bytes of the largest output; less only where the service cannot carry so many, or not in a minute
    big_output: ClassVar[int] = 200 << 20
    #: whether `printing_step` can write any bytes, or lines of text only, each of them ended
    prints: ClassVar[Literal["bytes", "lines"]] = "bytes"

    @property
    def part(self) -> type[Part]:
        return self.executor

    def good_step(self) -> Step:
        """A step that succeeds."""
        raise NotImplementedError

    def failing_step(self) -> Step:
        """A step that fails because of what it does, not of how it is written."""
        raise NotImplementedError

    def long_step(self) -> Step | None:
        """A step that takes at least a minute unless it is stopped."""
        return None

    def printing_step(self, file: Path) -> Step | None:
        """A step that writes the content of `file` to stdout, byte for byte."""
        return None

    def echo_step(self, text: str) -> Step | None:
        """A step that has `text` in its command or config, and writes it to stdout."""
        return None

    def env_step(self, name: str) -> Step | None:
        """A step that writes the value of the environment variable `name` to stdout."""
        return None

    def leaking_step(self, reference: str) -> Step | None:
        """A step that fails and would tell a secret: `reference` stands where its messages quote
        what they are about (a command, an address, a query)."""
        return None

    def reattach_step(self, marker: Path) -> Step | None:
        """A step of some three seconds whose one effect is a line appended to `marker`."""
        return None

    @property
    def plugins(self) -> tuple[object, ...]:
        """What is loaded beside the built-in parts."""
        return () if self.is_builtin else (offering(self.executor),)

    def run_step(self, step: Step, **more: Any) -> StepResult:
        """Run `step` in an app that has this step type; `more` as for `harness.run_step`."""
        dag = {"maxCleanUpTimeSec": GRACE, **self.dag, **more.pop("dag", {})}
        more = {"plugins": self.plugins, "documents": self.documents, **more}
        return run_step(step, dag=dag, **more)


def given(what: T | None, name: str) -> T:
    """`what`, or the test is skipped: the suite was not told about it."""
    if what is None:
        pytest.skip(f"the suite was given no {name}")
    return what
