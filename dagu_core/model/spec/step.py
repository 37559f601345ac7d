"""A step as it is written."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from dagu_core.model.spec.forms import (
    Env,
    LogOutputWord,
    PriorityText,
    QueueText,
    Scalar,
    Seconds,
    ShellWords,
    TextMap,
    Texts,
)
from dagu_core.model.spec.located import Map
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.policies import Conditions, ContinueOnField, RepeatField, RetrySpec
from dagu_core.model.spec.refusal import describe, refused
from dagu_core.model.values.text import to_text

#: DAG and step keys of the original that this engine does not have.
NOT_SUPPORTED = frozenset({"llm", "messages", "agent", "chat"})


class OutputModel(SpecModel):
    """Where captured stdout goes."""

    noun: ClassVar[str] = "output"

    name: str = Field(min_length=1, description="The variable that receives stdout.")
    key: str = Field("", description="Its key in outputs.json; the name in camelCase when not given.")
    omit: bool = Field(False, description="Leave it out of outputs.json.")


def _output(value: Any) -> Any:
    if isinstance(value, str):
        output = Map()
        output["name"] = value.strip()
        return output if value.strip().lstrip("$") else None
    if not isinstance(value, dict):
        raise refused(
            f"must be a text or a mapping, not {describe(value)} (output must be a string or object)"
        )
    return value


class ParallelModel(SpecModel):
    """Run the called DAG once an item."""

    noun: ClassVar[str] = "parallel"

    items: Annotated[list[Any] | str, Field(union_mode="left_to_right")] = Field(
        description="The items, or one text that is expanded and then split."
    )
    max_concurrent: int = Field(10, ge=1, le=1000, description="How many run at the same time.")
    allow_empty: bool = Field(False, description="Succeed when there are no items instead of failing.")


def _parallel(value: Any) -> Any:
    if isinstance(value, str | list):
        wrapped = Map(getattr(value, "place", Map().place))
        wrapped["items"] = value
        return wrapped
    if isinstance(value, Map) and not any(key.lower() == "items" for key in value):
        raise refused(
            "must have `items`: parallel must have either items array or variable reference", code="D004"
        )
    return value


def _command(value: Any) -> Any:
    """A command line, or a list of them -> list (blank items dropped)."""
    if isinstance(value, str):
        lines: list[str] = [value]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, list | dict):
                raise refused(
                    f"must be a text, not {describe(item)} "
                    "(command array elements must be strings or primitive types)",
                    index,
                )
        lines = [to_text(item) for item in value]
    else:
        raise refused(
            f"must be a text or a list of texts, not {describe(value)} "
            "(step command must be an array of strings or a string)"
        )
    if not any(line.strip() for line in lines):
        raise refused("step command is empty", code="D004")
    return [line for line in lines if line.strip()]


def _argv(value: Any) -> Any:
    if isinstance(value, Map) and value.get("command") is not None and not set(value) - {"command", "args"}:
        words = value.get("args") or []
        if not isinstance(words, list):
            raise refused(f"must be a list of words, not {describe(words)}", "args")
        value = [value["command"], *words]
    if isinstance(value, list) and not value:
        raise refused("must name a program", code="D004")
    if not isinstance(value, list):
        raise refused(
            f"must be a list of words, not {describe(value)}", hint="use `command` for a command line"
        )
    for index, item in enumerate(value):
        if isinstance(item, list | dict):
            raise refused(f"must be a text, not {describe(item)}", index)
    if not to_text(value[0]):
        raise refused("must name a program", 0)
    return [to_text(item) for item in value]


def _call_params(value: Any) -> Any:
    if isinstance(value, str | list | dict):
        return value
    raise refused(f"must be a text, a list or a mapping, not {describe(value)} (invalid parameter value)")


class ExecutorModel(SpecModel):
    """The older way to write `type` and `config`."""

    noun: ClassVar[str] = "executor"

    type: str = Field("", description="The step type.")
    config: dict[str, Any] = Field(default_factory=dict, description="What the step type needs.")


def _executor(value: Any) -> Any:
    if isinstance(value, str):
        executor = Map()
        executor["type"] = value
        return executor
    return value


class StepSpec(SpecModel):
    """One unit of work: a command, a script, a sub-DAG, or what a plugin offers."""

    noun: ClassVar[str] = "step"
    spellings: ClassVar[dict[str, str]] = {"dir": "working_dir", "run": "call"}

    name: str | None = Field(None, max_length=1000, description="Unique name, at most 40 bytes.")
    id: str | None = Field(None, description="Unique word that references like `${id.exitCode}` use.")
    description: str = Field("", description="What the step is for.")
    depends: Texts | None = Field(None, description="Names or ids of the steps that must end first.")
    command: Annotated[
        list[str] | None, BeforeValidator(_command, json_schema_input_type=str | list[Scalar])
    ] = Field(None, description="A command line for the shell, or several that run one after another.")
    exec: Annotated[
        list[str] | None, BeforeValidator(_argv, json_schema_input_type=list[Scalar] | dict[str, Any])
    ] = Field(
        None,
        description="A program and its arguments, run without a shell: a list, or `command` and `args`.",
    )
    script: str = Field("", description="A script; a `#!` line chooses its interpreter.")
    shell: ShellWords | None = Field(None, description="The shell of this step; `direct` means none.")
    shell_packages: Texts = Field(default_factory=list, description="Packages for `nix-shell`.")
    working_dir: str = Field("", description="Folder to run in; relative to the DAG's.")
    env: Env = Field(default_factory=list, description="Environment variables of this step.")
    stdout: str = Field("", description="A file that also receives stdout (appended).")
    stderr: str = Field("", description="A file that also receives stderr (appended).")
    log_output: LogOutputWord = Field(None, description="`separate` or `merged` log files.")
    output: Annotated[
        OutputModel | None, BeforeValidator(_output, json_schema_input_type=str | OutputModel)
    ] = Field(None, description="Capture stdout into a variable.")
    preconditions: Conditions = Field(
        default_factory=list, description="What must hold, else the step is skipped."
    )
    precondition: Conditions = Field(default_factory=list, description="More preconditions.")
    continue_on: ContinueOnField | None = Field(None, description="Which failures are tolerated.")
    retry_policy: RetrySpec | None = Field(None, description="Whether to try again after a failure.")
    repeat_policy: RepeatField | None = Field(None, description="Whether to run again after an end.")
    timeout_sec: Seconds = Field(0.0, description="Seconds an attempt may take; 0 = no limit.")
    signal_on_stop: str = Field("", description="The signal that asks the step to stop: `SIGINT`.")
    mail_on_error: bool = Field(False, description="Send the error mail when this step fails.")
    type: str = Field("", description="The step type; guessed from the other keys when not given.")
    config: dict[str, Any] | None = Field(None, description="What the step type needs.")
    with_: dict[str, Any] | None = Field(None, alias="with", description="Another word for `config`.")
    executor: Annotated[
        ExecutorModel | None, BeforeValidator(_executor, json_schema_input_type=str | ExecutorModel)
    ] = Field(None, description="The older way to write `type` and `config`.")
    action: str = Field("", description="The newer way to write `type` and `command`: `type.command`.")
    call: str | None = Field(
        None, min_length=1, description="The sub-DAG to run: a document of this file, a name or a path."
    )
    params: Annotated[
        Any, BeforeValidator(_call_params, json_schema_input_type=str | list[Any] | dict[str, Any])
    ] = Field(None, description="Parameters of the sub-DAG.")
    parallel: Annotated[
        ParallelModel | None,
        BeforeValidator(_parallel, json_schema_input_type=str | list[Any] | ParallelModel),
    ] = Field(None, description="Run the sub-DAG once an item.")
    queue: QueueText = Field("", description="The queue of the sub-DAG's runs, in place of its own.")
    priority: PriorityText = Field(
        "", description="The priority of the sub-DAG's runs, in place of that of the run."
    )
    worker_selector: TextMap = Field(
        default_factory=dict, description="Labels of the workers a sub-DAG may run on."
    )
    on_crash: Literal["fail", "retry"] = Field(
        "fail", description="What becomes of an attempt whose outcome nobody can know."
    )
    detach: bool = Field(False, description="Leave processes of the step running when it ends.")

    @classmethod
    def plugin_key(cls, key: str, raw: Map, reading: Reading) -> str | None:
        """Step keys of plugins: of guards and of step types; one without a value is as good as none."""
        folded = key.replace("_", "").lower()
        if (known := reading.step_keys.get(folded)) is not None:
            return known if raw[key] is not None else ""
        if folded in NOT_SUPPORTED:
            report_not_supported(key, raw, reading)
            return ""
        return "" if reading.missing_plugin(key, raw.key_place(key)) else None


def report_not_supported(key: str, raw: Map, reading: Reading) -> None:
    """Add the error for a key of the original that this engine does not have."""
    reading.findings.error(
        f"`{key}` is not supported: chat and agent steps are not part of this engine",
        raw.key_place(key),
        code="D015",
        length=len(key),
    )
