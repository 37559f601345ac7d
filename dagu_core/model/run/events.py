"""What can happen to a run: a closed union. Every event is data, with its time in epoch seconds."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from dagu_core.model.plan.policies import Retry
from dagu_core.model.status import RunStatus, StepStatus


class ConditionResult(Struct, frozen=True, omit_defaults=True):
    """How one precondition came out; `error` says why it was not met, "" when it was."""

    condition: str
    expected: str = ""
    negate: bool = False
    error: str = ""

    @property
    def met(self) -> bool:
        return not self.error


class ChildRef(Struct, frozen=True, omit_defaults=True):
    """A sub-DAG run started by a step."""

    dag: str
    run_id: str
    params: str = ""


EndedAs = Literal["exited", "skipped", "timeout", "stopped", "lost", "error"]
StopReason = Literal["stop", "run_timeout"]


class Outcome(Struct, frozen=True, omit_defaults=True):
    """How one attempt of a step ended, with every fact `evolve` needs to judge it.

    `exit_code` is None when no process ended (lost, never started). `ended` tells why it ended:
    by itself, by an unmet precondition, by its timeout, by a stop, unknown after a crash, or by an
    error before anything ran. `status` overrides the verdict for executors that know better
    (a partially succeeded child); `retryable` False says that a retry cannot help. `output` is the
    captured value, secrets replaced by their references (an executor that gives one gives it
    plain); `output_matched` and `repeat_met` answer continueOn.output and the repeat condition;
    `retry` is the step's retry rule where only the run could work out its numbers.
    `details` is free for the executor and shown to users.
    """

    exit_code: int | None = 0
    message: str = ""
    ended: EndedAs = "exited"
    status: StepStatus | None = None
    output: str | None = None
    output_matched: bool = False
    repeat_met: bool | None = None
    retry: Retry | None = None
    conditions: tuple[ConditionResult, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    retryable: bool = True

    @property
    def succeeded(self) -> bool:
        if self.status is not None:
            return self.status.is_success
        return self.ended == "exited" and self.exit_code == 0


class EventBase(Struct, frozen=True, omit_defaults=True, tag=True):
    """What all events share: stored with their class name under `type`."""


class RunStarted(EventBase, frozen=True):
    """An engine began (a new attempt of) the run."""

    at: float
    attempt_id: str
    params: tuple[tuple[str, str], ...] = ()
    log: str = ""


class RunReset(EventBase, frozen=True):
    """A retry put these steps back to not started; `only` = nothing else may start."""

    at: float
    steps: tuple[str, ...]
    only: bool = False
    reason: str = ""


class RunRecovered(EventBase, frozen=True):
    """Another process took the run over after its owner died."""

    at: float
    owner: str
    count: int


class ConditionsChecked(EventBase, frozen=True):
    """The preconditions of the DAG were evaluated."""

    at: float
    results: tuple[ConditionResult, ...]


class AttemptStarted(EventBase, frozen=True):
    """An attempt of a step is about to start; recorded before anything is spawned.

    `offset` is where this attempt's part of the stdout log begins, in bytes.
    """

    at: float
    step: str
    number: int
    stdout: str = ""
    stderr: str = ""
    offset: int = 0


class AttemptEnded(EventBase, frozen=True):
    """The attempt came to an end."""

    at: float
    step: str
    number: int
    outcome: Outcome


class AttemptStopping(EventBase, frozen=True):
    """The attempt was told to stop."""

    at: float
    step: str
    why: StopReason


class ChildStarted(EventBase, frozen=True):
    """The step started (or found again) a sub-DAG run."""

    at: float
    step: str
    child: ChildRef


class StepSettled(EventBase, frozen=True):
    """A step ended without running; `reason` is a code of `reasons`, `detail` a sentence."""

    at: float
    step: str
    status: StepStatus
    reason: str
    detail: str = ""


class StopRequested(EventBase, frozen=True):
    """Somebody asked the run to stop, at the time of asking. `force` = kill now, no more handlers."""

    at: float
    by: str
    signal: str = "SIGTERM"
    force: bool = False


class RunTimedOut(EventBase, frozen=True):
    """The run outlived its timeout."""

    at: float


class RunFailed(EventBase, frozen=True):
    """Initialisation failed, or the engine gave up; no step and no handler will start."""

    at: float
    error: str
    reason: str = "initialisation"


class Noted(EventBase, frozen=True):
    """Something worth telling that changes nothing: a kill, a warning, a repaired file."""

    at: float
    code: str
    message: str
    step: str = ""


class RunEnded(EventBase, frozen=True):
    """The run is over; nothing changes after this, except by a retry."""

    at: float
    status: RunStatus


Event = (
    RunStarted
    | RunReset
    | RunRecovered
    | ConditionsChecked
    | AttemptStarted
    | AttemptEnded
    | AttemptStopping
    | ChildStarted
    | StepSettled
    | StopRequested
    | RunTimedOut
    | RunFailed
    | Noted
    | RunEnded
)
