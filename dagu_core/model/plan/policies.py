"""What a step does when it fails, repeats, waits or must be stopped: plain rules, no I/O."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Condition(Struct, frozen=True):
    """One precondition.

    Without `expected` the text is a command and exit 0 means met. With it, the expanded text is
    compared line by line with `expected`, or searched for `re:PATTERN`.
    """

    condition: str
    expected: str = ""
    negate: bool = False


def is_listed(exit_code: int | None, codes: tuple[int, ...]) -> bool:
    """Whether a list of exit codes names this one; -1 stands for any end by a signal (128 + n)."""
    if exit_code is None:
        return False
    return exit_code in codes or (-1 in codes and 128 < exit_code <= 128 + 64)


class ContinueOn(Struct, frozen=True):
    """Which bad ends of a step its dependents tolerate."""

    failed: bool = False
    skipped: bool = False
    exit_codes: tuple[int, ...] = ()
    output: tuple[str, ...] = ()
    mark_success: bool = False

    def tolerates(self, exit_code: int | None, output_matched: bool) -> bool:
        """Whether a failure with this exit code (and this match of `output`) is tolerated."""
        return self.failed or output_matched or is_listed(exit_code, self.exit_codes)


#: no bad end is tolerated
NEVER = ContinueOn()


#: the most retries, and the longest wait in seconds, a rule may ask for
MAX_RETRIES, MAX_INTERVAL = 1_000_000, 315_360_000


class Retry(Struct, frozen=True):
    """Try a failed step again. Times in seconds; `limit` counts retries, not attempts.

    `limit_text` and `interval_text` hold a reference or backtick text that is evaluated before
    the first attempt; the number beside it means nothing until then.
    """

    limit: int = 0
    interval: float = 0.0
    backoff: float = 1.0
    max_interval: float | None = None
    exit_codes: tuple[int, ...] = ()
    limit_text: str = ""
    interval_text: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a number of it is still a text."""
        return bool(self.limit_text or self.interval_text)

    def delay_after(self, retries: int, exit_code: int | None = None) -> float | None:
        """Seconds to wait after `retries` retries have been used up; None = do not try again."""
        if retries >= self.limit or (self.exit_codes and not is_listed(exit_code, self.exit_codes)):
            return None
        return _backed_off(self.interval, self.backoff, retries, self.max_interval)


class RepeatMode(StrEnum):
    WHILE = "while"
    UNTIL = "until"


class Repeat(Struct, frozen=True):
    """Run a step again and again. Times in seconds; `limit` counts executions, None = no limit."""

    mode: RepeatMode
    condition: Condition | None = None
    exit_codes: tuple[int, ...] = ()
    limit: int | None = None
    interval: float = 1.0
    backoff: float = 1.0
    max_interval: float | None = None

    def delay_after(
        self, executions: int, *, condition_met: bool | None, exit_code: int | None, succeeded: bool
    ) -> float | None:
        """Seconds until the next execution after `executions` of them; None = it is enough."""
        if self.limit is not None and executions >= self.limit:
            return None
        if self.condition is not None:
            holds = bool(condition_met)
        elif self.exit_codes:
            holds = is_listed(exit_code, self.exit_codes)
        else:
            holds = succeeded
        if holds is not (self.mode is RepeatMode.WHILE):
            return None
        return _backed_off(self.interval, self.backoff, executions - 1, self.max_interval)


def _backed_off(interval: float, backoff: float, exponent: int, cap: float | None) -> float:
    # An exponent past 64 would overflow a float long before anybody waits for it.
    delay = interval * backoff ** min(exponent, 64)
    return delay if cap is None else min(delay, cap)


class OnCrash(StrEnum):
    """What becomes of an attempt whose outcome nobody can know (the machine went down)."""

    FAIL = "fail"
    RETRY = "retry"


class LogOutput(StrEnum):
    """Whether stdout and stderr go to two files or, in write order, to one."""

    SEPARATE = "separate"
    MERGED = "merged"


class HandlerKind(StrEnum):
    """Lifecycle handlers; the value is the name of the node."""

    INIT = "onInit"
    SUCCESS = "onSuccess"
    FAILURE = "onFailure"
    ABORT = "onCancel"
    EXIT = "onExit"
    WAIT = "onWait"
