"""The words and numbers for how a run or a step stands."""

from __future__ import annotations

from enum import IntEnum


class _Labelled(IntEnum):
    @property
    def label(self) -> str:
        """The status as API clients know it: `partially_succeeded`."""
        return self.name.lower()

    @property
    def title(self) -> str:
        """The status as people read it: `Partially Succeeded`."""
        return self.label.replace("_", " ").title()


class RunStatus(_Labelled):
    """How a run stands."""

    NOT_STARTED = 0
    RUNNING = 1
    FAILED = 2
    ABORTED = 3
    SUCCEEDED = 4
    QUEUED = 5
    PARTIALLY_SUCCEEDED = 6
    WAITING = 7
    REJECTED = 8
    PAUSED = 9

    @property
    def is_active(self) -> bool:
        return self in _ACTIVE_RUNS

    @property
    def is_over(self) -> bool:
        return self in _ENDED_RUNS

    @property
    def is_success(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.PARTIALLY_SUCCEEDED)


class StepStatus(_Labelled):
    """How a step stands. 5 means skipped here, where it means queued for a run."""

    NOT_STARTED = 0
    RUNNING = 1
    FAILED = 2
    ABORTED = 3
    SUCCEEDED = 4
    SKIPPED = 5
    PARTIALLY_SUCCEEDED = 6
    WAITING = 7
    REJECTED = 8
    RETRYING = 9
    BLOCKED = 10

    @property
    def is_over(self) -> bool:
        return self in _ENDED_STEPS

    @property
    def is_success(self) -> bool:
        return self in (StepStatus.SUCCEEDED, StepStatus.PARTIALLY_SUCCEEDED)


_ACTIVE_RUNS = frozenset({RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.WAITING, RunStatus.PAUSED})
_ENDED_RUNS = frozenset(
    {
        RunStatus.FAILED,
        RunStatus.ABORTED,
        RunStatus.SUCCEEDED,
        RunStatus.PARTIALLY_SUCCEEDED,
        RunStatus.REJECTED,
    }
)
_ENDED_STEPS = frozenset(
    {
        StepStatus.FAILED,
        StepStatus.ABORTED,
        StepStatus.SUCCEEDED,
        StepStatus.SKIPPED,
        StepStatus.PARTIALLY_SUCCEEDED,
        StepStatus.REJECTED,
    }
)
STATUS_ALIASES = {"success": "succeeded", "failure": "failed", "canceled": "aborted", "cancelled": "aborted"}


def run_status(word: str) -> RunStatus:
    """The status named by a label or one of its aliases; ValueError when there is none."""
    folded = word.strip().lower().replace("-", "_").replace(" ", "_")
    try:
        return RunStatus[STATUS_ALIASES.get(folded, folded).upper()]
    except KeyError:
        known = ", ".join(status.label for status in RunStatus)
        raise ValueError(f"unknown status {word!r}; known are {known}") from None
