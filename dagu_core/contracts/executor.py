"""How a step is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from dagu_core.contracts.part import Part
from dagu_core.model.plan.plan import Call, PlannedStep, Shell
from dagu_core.model.run.events import Outcome
from dagu_core.model.run.run import RunRef

if TYPE_CHECKING:
    from dagu_core.base.config import Config

C_co = TypeVar("C_co", bound="Config", covariant=True)
C = TypeVar("C", bound="Config")

#: environment variable that marks every process of an attempt
MARK = "DAGU_ATTEMPT_TOKEN"

Capability = Literal["command", "commands", "exec", "script", "shell", "container", "call", "workerSelector"]
Expansion = Literal["shell", "posix", "full", "words", "script", "none"]


class Writer(Protocol):
    """A step's output stream: bytes written here are masked and land in the step's log."""

    async def write(self, data: bytes) -> None:
        """Append `data`."""
        ...


class Children(Protocol):
    """Starts and finds the sub-DAG runs of an attempt."""

    async def run(self, call: Call) -> Outcome:
        """Run the called DAG (once, or once an item) and report as the step's outcome."""
        ...


class Attempt(Protocol[C_co]):
    """One try of one step, everything expanded. `env` is the whole environment of the step.

    `commands`, `exec`, `script` and `call` stand as in the plan, after expansion in the mode the
    executor asked for; `arguments` are the positional parameters. `step_fields` holds the values of
    the keys this type adds to a step, `dag_fields` the DAG-level values of plugins, both by word and
    only where the file has them. `working_dir` is the step's folder, `dag_working_dir` the one its DAG
    works in, `dag_folder` the one its file lies in, `scratch` a private one that is removed when the
    run ends. `grace` seconds pass between `stop_signal` and a kill.
    """

    @property
    def run(self) -> RunRef: ...
    @property
    def step(self) -> PlannedStep: ...
    @property
    def number(self) -> int: ...
    @property
    def config(self) -> C_co: ...
    @property
    def commands(self) -> Sequence[str]: ...
    @property
    def exec(self) -> Sequence[str]: ...
    @property
    def script(self) -> str: ...
    @property
    def arguments(self) -> Sequence[str]: ...
    @property
    def call(self) -> Call | None: ...
    @property
    def shell(self) -> Shell: ...
    @property
    def shell_is_own(self) -> bool: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def working_dir(self) -> Path: ...
    @property
    def dag_working_dir(self) -> Path: ...
    @property
    def dag_folder(self) -> Path: ...
    @property
    def scratch(self) -> Path: ...
    @property
    def stop_signal(self) -> int: ...
    @property
    def grace(self) -> float: ...
    @property
    def step_fields(self) -> Mapping[str, Any]: ...
    @property
    def dag_fields(self) -> Mapping[str, Any]: ...
    @property
    def stdout(self) -> Writer: ...
    @property
    def stderr(self) -> Writer: ...
    @property
    def children(self) -> Children: ...

    async def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
        """Run a local process under the step's supervisor and return its exit code.

        Output goes straight to the step's logs; the process survives a dead engine and is found
        again by `reattach`. On cancellation the whole process tree is stopped within `grace`.
        Raises OSError (with the path) when the program cannot be started at all.
        """
        ...

    async def reattach(self) -> int | None:
        """The exit code of the process an earlier engine spawned for this very attempt.

        Waits for it when it still runs. None when the outcome cannot be known, or when
        `never_started` proves that the earlier engine died before it spawned anything.
        """
        ...

    @property
    def never_started(self) -> bool: ...


class RunClosing(Struct, frozen=True):
    """A run that is about to end: its values, and how many seconds a tidy end may take."""

    run: RunRef
    dag_fields: Mapping[str, Any]
    env: Mapping[str, str]
    grace: float


class Executor(Part, ABC, Generic[C]):
    """A step type. One instance serves one attempt.

    `capabilities` names the step fields this type understands; others are refused when the file
    is read. Who takes `exec` but no `script` gets scripts as `exec: [sh, -c, ...]`.
    `expansion` says how texts are prepared: "shell" keeps plain references for the step's POSIX
    shell to read from its environment, "posix" does so for a POSIX shell of the type's own, which it
    gives what the texts refer to (it stands in `attempt.env`), "full" replaces everything, "words" as
    well, but splits a command line into words before (`shlex.split` gives them back), "script" the script
    alone (the command is in a language that has a `$` of its own), "none" replaces nothing.
    `reattaches` promises that `reattach` finds an attempt again after the engine died.
    `step_fields` are step keys beside `config` that belong to this type (`container:`).
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    expansion: ClassVar[Expansion] = "full"
    reattaches: ClassVar[bool] = False
    step_fields: ClassVar[Mapping[str, type[Config]]] = {}

    @classmethod
    def expansion_of(cls, step: PlannedStep, config: C, dag_fields: Mapping[str, Any]) -> Expansion:
        """How the texts of this step are prepared: override it where that depends on the step."""
        return cls.expansion

    @abstractmethod
    async def run(self, attempt: Attempt[C]) -> Outcome:
        """Do the step. A failed step is an `Outcome`, never an exception.

        On CancelledError: ask, wait `attempt.grace` seconds, then force; always re-raise. Who goes
        on regardless is left behind, unheard, a few seconds after the grace.
        """

    async def reattach(self, attempt: Attempt[C]) -> Outcome:
        """Take over an attempt that another process started; called instead of `run`.

        The default says honestly that the outcome is unknown.
        """
        return Outcome(exit_code=None, ended="lost", message="the engine died during the attempt")

    @classmethod
    async def close_run(cls, closing: RunClosing) -> None:
        """Remove what the attempts of a run shared (a container, a connection).

        Called after the last step and handler, before the run's end is recorded, and again should
        the engine die in between: whatever is gone already is no error. An exception is recorded
        with the run and changes nothing.
        """


def closes_run(part: type[Executor[Any]]) -> bool:
    """Whether the attempts of a step type share something, so that its `close_run` does something."""
    return part.close_run.__func__ is not Executor.close_run.__func__  # type: ignore[attr-defined]
