"""A DAG as it is written."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SkipValidation,
    Tag,
    ValidationInfo,
)

from dagu_core.base.errors import Invalid
from dagu_core.base.places import Place
from dagu_core.model.plan.plan import ParamsSpec
from dagu_core.model.plan.schedule import Schedule
from dagu_core.model.spec.forms import (
    Env,
    Files,
    LogOutputWord,
    QueueName,
    Seconds,
    ShellWords,
    Tags,
    TextMap,
)
from dagu_core.model.spec.located import Map, Seq, plain
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.moments import Day, Length, Zone
from dagu_core.model.spec.policies import Conditions, without_broken
from dagu_core.model.spec.refusal import describe, refused
from dagu_core.model.spec.schedule import ScheduleField
from dagu_core.model.spec.starting import CatchUpSpec, FileTrigger, OverlapSpec, Policy, Triggers
from dagu_core.model.spec.step import NOT_SUPPORTED, StepSpec, report_not_supported

#: Keys that only tell or show something: without their plugin the DAG still does its work.
OPTIONAL_KEYS = frozenset({"smtp", "mailon", "errormail", "infomail", "waitmail", "otel"})
#: More steps than this are no workflow, and take more time and memory than a reader may take.
MAX_STEPS = 20_000


class SecretSpec(SpecModel):
    """A value kept elsewhere."""

    noun: ClassVar[str] = "secret"

    name: str = Field(min_length=1, description="The variable that receives the value.")
    provider: str = Field(min_length=1, description="Who keeps it: `env`, `file`, or what a plugin offers.")
    key: str = Field(min_length=1, description="What the provider finds it under.")
    options: TextMap = Field(default_factory=dict, description="Options of the provider.")


class RunConfigSpec(SpecModel):
    """What people may change when they start the DAG by hand."""

    noun: ClassVar[str] = "runConfig"

    disable_param_edit: bool = Field(False, description="Parameters may not be changed.")
    disable_run_id_edit: bool = Field(False, description="The run id may not be chosen.")


class HandlersSpec(SpecModel):
    """Steps that run around the others, by what happened."""

    noun: ClassVar[str] = "handlerOn"
    spellings: ClassVar[dict[str, str]] = {"cancel": "abort"}

    init: StepSpec | None = Field(None, description="Runs before any step; when it fails, none runs.")
    success: StepSpec | None = Field(None, description="Runs after a success, also a partial one.")
    failure: StepSpec | None = Field(None, description="Runs after a failure or a rejection.")
    abort: StepSpec | None = Field(None, description="Runs after the run was aborted.")
    exit: StepSpec | None = Field(None, description="Runs last, whatever happened.")
    wait: StepSpec | None = Field(None, description="Runs when the run begins to wait for somebody.")


def _steps(value: Any, info: ValidationInfo[Reading]) -> Any:
    """A list (with groups) or a mapping by name -> list of steps and lists of steps.

    What is no step is reported and left out, so that the others are read all the same.
    """
    reading: Reading = info.context
    if not isinstance(value, Map | Seq):
        raise refused(f"must be a list or a mapping, not {describe(value)} (steps must be an array or a map)")
    count = sum(len(item) if isinstance(item, Seq) else 1 for item in value)
    if count > MAX_STEPS:
        raise refused(f"must hold at most {MAX_STEPS} steps, not {count}", code="D009")
    if isinstance(value, Map):
        return [step for key in value if (step := _named(key, value, reading)) is not None]
    items: list[Any] = []
    for index, item in enumerate(value):
        if isinstance(item, Seq):
            group = (_step(inner, item.item_place(at), reading) for at, inner in enumerate(item))
            items.append([step for step in group if step is not None])
        elif (step := _step(item, value.item_place(index), reading)) is not None:
            items.append(step)
    return items


def _step_or_group(value: Any) -> str:
    return "group" if isinstance(value, list) else "step"


def _step(item: Any, place: Place, reading: Reading) -> Map | None:
    if isinstance(item, Map):
        return item
    if isinstance(item, str):
        step = Map(place)
        step["command"] = item
        return step
    message = f"invalid step data: a step must be a command or a mapping, not {describe(item)}"
    reading.findings.error(message, place)
    return None


def _named(key: str, steps: Map, reading: Reading) -> Map | None:
    item = _step(steps[key], steps.value_place(key), reading)
    if item is None:
        return None
    step = Map(item.place)
    step.update(item)
    step.spots = dict(item.spots)
    if (own := step.written("name")) is not None and step[own] != key:
        message = f"`name` differs from the key `{key}` of the step"
        reading.findings.error(message, step.key_place(own), code="D012", hint="remove `name`")
        del step[own]
    step["name"] = key
    step.spots["name"] = (*_pair(steps.key_place(key)), *_pair(steps.key_place(key)))
    return step


def _pair(place: Place) -> tuple[int, int]:
    return place.line, place.column


def _params(value: Any) -> Any:
    from dagu_core.model.values.params import params_from_data

    if (
        isinstance(value, Map)
        and isinstance(value.get("schema"), str | dict)
        and not set(value) - {"schema", "values"}
    ):
        values = value.get("values") or {}
        if not isinstance(values, dict):
            raise refused(f"must be a mapping, not {describe(values)}", "values")
        return ParamsSpec(_parsed(params_from_data, values), plain(value["schema"]))
    if not isinstance(value, str | list | dict):
        raise refused(f"must be a text, a list or a mapping, not {describe(value)} (invalid parameter value)")
    return ParamsSpec(_parsed(params_from_data, value))


def _step_types(value: Any, info: ValidationInfo[Reading]) -> Any:
    from dagu_core.model.spec.step_types import read_step_types

    return read_step_types(value, info)


def _parsed(parse: Any, value: Any) -> Any:
    try:
        return parse(plain(value))
    except Invalid as error:
        raise refused(str(error), hint=error.hint) from None


class DagSpec(SpecModel):
    """A workflow: its steps, when and how they run."""

    noun: ClassVar[str] = "DAG"
    spellings: ClassVar[dict[str, str]] = {"labels": "tags"}

    name: str | None = Field(None, description="The name; the file's name when not given.")
    description: str = Field("", description="What the DAG is for.")
    group: str = Field("", description="A heading to list it under.")
    tags: Tags = Field(default_factory=list, description="Words to find it by.")
    type: str = Field(
        "chain",
        description="`chain`: one step after the other; `graph`: by `depends` only.",
        json_schema_extra={"enum": ["chain", "graph", ""]},
    )
    schedule: ScheduleField = Field(
        default_factory=Schedule, description="When it is started, stopped or restarted by itself."
    )
    timezone: Zone = Field("", description="The zone of its schedules; that of the settings when not given.")
    start_date: Day = Field("", description="First day its schedules count.")
    end_date: Day = Field("", description="Last day its schedules count.")
    overlap_policy: Policy | None = Field(
        None, description="When a start meets an active run: skip, queue, latest, cancel, terminate, allow."
    )
    overlap: OverlapSpec | None = Field(None, description="The same with more to say.")
    catchup_window: Length | None = Field(None, description="How far back missed starts are caught up.")
    catch_up: CatchUpSpec | None = Field(None, description="How missed starts are caught up.")
    triggers: Triggers = Field(default_factory=list, description="What starts it beside the clock.")
    file_trigger: FileTrigger = Field(default_factory=list, description="Files that start it.")
    skip_if_successful: bool = Field(False, description="Skip a scheduled start after a success.")
    env: Env = Field(default_factory=list, description="Environment variables of all steps.")
    dotenv: Files | None = Field(None, description="Files with variables, after `.env`; [] = none at all.")
    dotenv_first: bool = Field(False, description="Let `env` and `params` see the values of dotenv files.")
    secrets: Annotated[list[SecretSpec], AfterValidator(without_broken)] = Field(
        default_factory=list, description="Values kept elsewhere, masked in all output."
    )
    params: Annotated[
        SkipValidation[ParamsSpec | None],
        BeforeValidator(_params, json_schema_input_type=str | list[Any] | dict[str, Any]),
    ] = Field(None, description="Parameters with their defaults.")
    working_dir: str = Field("", description="Folder the steps run in; the file's when not given.")
    shell: ShellWords | None = Field(None, description="The shell of all steps.")
    log_dir: str = Field("", description="Folder for log files.")
    log_output: LogOutputWord = Field(None, description="`separate` or `merged` log files.")
    handler_on: HandlersSpec | None = Field(None, description="Steps that run around the others.")
    steps: Annotated[
        list[
            Annotated[
                Annotated[StepSpec, Tag("step")] | Annotated[list[StepSpec], Tag("group")],
                Discriminator(_step_or_group),
            ]
        ],
        BeforeValidator(
            _steps,
            json_schema_input_type=list[str | StepSpec | list[str | StepSpec]] | dict[str, str | StepSpec],
        ),
    ] = Field(default_factory=list, description="What to do.")
    step_types: Annotated[Any, BeforeValidator(_step_types, json_schema_input_type=dict[str, Any])] = Field(
        default_factory=dict, description="Step types of your own, by name."
    )
    preconditions: Conditions = Field(
        default_factory=list, description="What must hold, else the run is aborted."
    )
    precondition: Conditions = Field(default_factory=list, description="More preconditions.")
    timeout_sec: Seconds = Field(0.0, description="Seconds the run may take; 0 = no limit.")
    delay_sec: Seconds = Field(0.0, description="Seconds to wait before the first step.")
    step_stagger_sec: Seconds = Field(0.0, description="Seconds between the starts of two steps.")
    restart_wait_sec: Seconds = Field(0.0, description="Seconds between stop and start of a restart.")
    hist_retention_days: int = Field(
        30, ge=-1, le=36_500, description="Days finished runs are kept; -1 = for ever."
    )
    hist_retention_runs: int = Field(
        0, ge=0, le=1_000_000, description="Finished runs kept, instead of histRetentionDays; 0 = not given."
    )
    max_active_runs: int = Field(1, ge=-1, le=100_000, description="Runs of the DAG at once in its queue.")
    max_active_steps: int = Field(0, ge=0, le=100_000, description="Steps at once; 0 = no limit.")
    max_clean_up_time_sec: Seconds = Field(
        0.0, description="Seconds between asking a step to stop and killing it; 0 = 5."
    )
    max_output_size: int = Field(
        1_048_576, ge=0, le=1_073_741_824, description="Bytes kept of a captured output."
    )
    queue: QueueName = Field("", description="The queue its runs wait in; one of its own when not given.")
    disable_queue: bool = Field(
        False, description="A key of older versions: no effect, but that `--queue` is refused."
    )
    worker_selector: TextMap = Field(default_factory=dict, description="Labels of the workers it may run on.")
    run_config: RunConfigSpec | None = Field(None, description="What may be changed at a start by hand.")

    @classmethod
    def plugin_key(cls, key: str, raw: Map, reading: Reading) -> str | None:
        """DAG keys of plugins; optional ones are a warning when nobody registered them."""
        folded = key.replace("_", "").lower()
        if (known := reading.dag_keys.get(folded)) is not None:
            return known
        if folded in NOT_SUPPORTED:
            report_not_supported(key, raw, reading)
            return ""
        if folded in OPTIONAL_KEYS:
            lack, hint = reading.lack_of(key) or ("needs a plugin", "")
            message = f"`{key}` has no effect: it {lack}"
            reading.findings.warning(message, raw.key_place(key), code="D014", hint=hint)
            return ""
        return "" if reading.missing_plugin(key, raw.key_place(key)) else None
