"""Conditions and policies of a step as they are written."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from dagu_core.model.plan.policies import (
    MAX_INTERVAL,
    MAX_RETRIES,
    Condition,
    ContinueOn,
    Repeat,
    RepeatMode,
    Retry,
)
from dagu_core.model.spec.forms import ExitCodes, NumberText, Seconds, Texts, WholeText, number_or_reference
from dagu_core.model.spec.located import Map
from dagu_core.model.spec.model import SpecModel
from dagu_core.model.spec.refusal import describe, refused, report_item


class ConditionSpec(SpecModel):
    """Something that must hold: a command that succeeds, or a text that equals or matches another."""

    noun: ClassVar[str] = "precondition"
    spellings: ClassVar[dict[str, str]] = {"command": "condition"}

    condition: str = Field(
        min_length=1,
        description="Without `expected` a command that must exit with 0, else the text to compare.",
    )
    expected: str = Field("", description="The value a line must equal, or `re:PATTERN` it must match.")
    negate: bool = Field(False, description="Hold when the condition does not.")

    def build(self) -> Condition:
        """The rule of the plan."""
        return Condition(self.condition, self.expected, self.negate)


def _conditions(value: Any, info: ValidationInfo[Any]) -> Any:
    """A text, a mapping, or nested lists of them -> flat list of mappings, without empty items."""
    if isinstance(value, str):
        if not value.strip():
            raise refused("must not be empty (condition is required)")
        return [_as_map(value)]
    if isinstance(value, Map):
        return [value]
    if not isinstance(value, list):
        raise refused(f"must be a text, a mapping or a list of them, not {describe(value)}")
    found: list[Any] = []
    for index, item in enumerate(value):
        if isinstance(item, list):
            found += _conditions(item, info)
        elif isinstance(item, str) and item.strip():
            found.append(_as_map(item))
        elif isinstance(item, str):
            report_item(info, value, index, "must not be empty (condition is required)")
        elif isinstance(item, dict):
            found.append(item)
        elif item is not None:
            report_item(info, value, index, f"must be a text or a mapping, not {describe(item)}")
    return found


def _as_map(text: str) -> Map:
    condition = Map()
    condition["condition"] = text
    return condition


def without_broken(items: list[Any]) -> list[Any]:
    """The list without entries that were reported already."""
    return [item for item in items if item is not None]


Conditions = Annotated[
    list[ConditionSpec],
    AfterValidator(without_broken),
    BeforeValidator(
        _conditions, json_schema_input_type=str | ConditionSpec | list[str | ConditionSpec | list[Any] | None]
    ),
]


class ContinueOnSpec(SpecModel):
    """Which bad ends of a step the steps after it tolerate."""

    noun: ClassVar[str] = "continueOn"
    spellings: ClassVar[dict[str, str]] = {"failure": "failed", "exitCodes": "exit_code"}

    failed: bool = Field(False, description="Tolerate any failure.")
    skipped: bool = Field(False, description="Go on when this step was skipped.")
    exit_code: ExitCodes = Field(default_factory=list, description="Tolerate these exit codes.")
    output: Texts = Field(
        default_factory=list,
        description="Tolerate when a line of stdout contains this text or matches `re:PATTERN`.",
    )
    mark_success: bool = Field(False, description="Count a tolerated step as succeeded.")

    def build(self) -> ContinueOn:
        """The rule of the plan."""
        return ContinueOn(
            self.failed, self.skipped, tuple(self.exit_code), tuple(self.output), self.mark_success
        )


def _continue_on(value: Any) -> Any:
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in ("failed", "skipped"):
            raise refused(f"must be `failed`, `skipped` or a mapping, not {describe(value)}", code="D005")
        rule = Map()
        rule[word] = True
        return rule
    return value


ContinueOnField = Annotated[
    ContinueOnSpec, BeforeValidator(_continue_on, json_schema_input_type=str | ContinueOnSpec)
]


def _backoff(value: Any) -> Any:
    if isinstance(value, bool):
        return 2.0 if value else None
    if isinstance(value, int | float):
        if not 1 < value <= 1000:
            raise refused(
                f"must be greater than 1.0 and at most 1000 for exponential growth, not {describe(value)}",
                code="D005",
            )
        return float(value)
    raise refused(f"must be true or a number greater than 1.0, not {describe(value)}")


Backoff = Annotated[float | None, BeforeValidator(_backoff, json_schema_input_type=bool | float)]


def _limit(value: Any) -> Any:
    return number_or_reference(value, whole=True)


def _interval(value: Any) -> Any:
    return number_or_reference(value, whole=False)


def _within(low: float, high: float) -> AfterValidator:
    def check(value: float | str) -> float | str:
        if not isinstance(value, str) and not low <= value <= high:
            raise refused(f"must be from {low:g} to {high:g}, not {value:g}", code="D005")
        return value

    return AfterValidator(check)


class RetrySpec(SpecModel):
    """Try a failed step again."""

    noun: ClassVar[str] = "retryPolicy"
    spellings: ClassVar[dict[str, str]] = {"exitCodes": "exit_code"}

    limit: Annotated[
        int | str, BeforeValidator(_limit, json_schema_input_type=int | WholeText), _within(0, MAX_RETRIES)
    ] = Field(description="How often to try again; a number or a reference to one.")
    interval_sec: Annotated[
        float | str,
        BeforeValidator(_interval, json_schema_input_type=float | NumberText),
        _within(0, MAX_INTERVAL),
    ] = Field(0.0, description="Seconds to wait before the next try.")
    backoff: Backoff = Field(None, description="Factor by which the wait grows; true means 2.")
    max_interval_sec: Seconds | None = Field(None, description="The longest wait in seconds.")
    exit_code: ExitCodes = Field(default_factory=list, description="Try again only after these exit codes.")

    def build(self) -> Retry:
        """The rule of the plan."""
        limit, interval = self.limit, self.interval_sec
        return Retry(
            limit=0 if isinstance(limit, str) else limit,
            interval=0.0 if isinstance(interval, str) else float(interval),
            backoff=self.backoff or 1.0,
            max_interval=self.max_interval_sec,
            exit_codes=tuple(self.exit_code),
            limit_text=limit if isinstance(limit, str) else "",
            interval_text=interval if isinstance(interval, str) else "",
        )


def _repeat_mode(value: Any) -> Any:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("while", "until"):
            return word
        raise refused(
            f"must be 'while', 'until', or a boolean, not {describe(value)} (invalid value for repeat)",
            code="D005",
        )
    if isinstance(value, bool):
        return value
    raise refused(f"must be 'while', 'until', or a boolean, not {describe(value)}")


class RepeatSpec(SpecModel):
    """Run a step again and again."""

    noun: ClassVar[str] = "repeatPolicy"
    spellings: ClassVar[dict[str, str]] = {"exitCodes": "exit_code"}

    repeat: Annotated[bool | str, BeforeValidator(_repeat_mode)] = Field(
        False, description="`while` or `until` something holds; true means `while`."
    )
    condition: str = Field("", description="A command or a text, as in preconditions.")
    expected: str = Field("", description="The value the condition must have, or `re:PATTERN`.")
    exit_code: ExitCodes = Field(
        default_factory=list, description="Exit codes that keep (while) or end (until) it."
    )
    limit: int | None = Field(
        None, ge=0, le=1_000_000_000, description="The most executions in total; 0 means no limit."
    )
    interval_sec: Seconds = Field(1.0, description="Seconds between two executions.")
    backoff: Backoff = Field(None, description="Factor by which the wait grows; true means 2.")
    max_interval_sec: Seconds | None = Field(None, description="The longest wait in seconds.")

    def build(self) -> Repeat | None:
        """The rule of the plan; None when nothing says whether to repeat."""
        mode = self._mode()
        if mode is None:
            return None
        return Repeat(
            mode=mode,
            condition=Condition(self.condition, self.expected) if self.condition else None,
            exit_codes=tuple(self.exit_code),
            limit=self.limit or None,
            interval=self.interval_sec,
            backoff=self.backoff or 1.0,
            max_interval=self.max_interval_sec,
        )

    def _mode(self) -> RepeatMode | None:
        if isinstance(self.repeat, str):
            return RepeatMode(self.repeat)
        if self.repeat:
            return RepeatMode.WHILE
        if self.condition and self.expected:
            return RepeatMode.UNTIL
        return RepeatMode.WHILE if self.condition or self.exit_code else None


def _explicit_mode_needs_a_reason(rule: RepeatSpec) -> RepeatSpec:
    if isinstance(rule.repeat, str) and not rule.condition and not rule.exit_code:
        raise refused(
            f"repeat mode '{rule.repeat}' requires either 'condition' or 'exitCode'", "repeat", code="D004"
        )
    return rule


RepeatField = Annotated[RepeatSpec, AfterValidator(_explicit_mode_needs_a_reason)]
