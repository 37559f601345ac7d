"""The keys beside `schedule`: overlap, catch-up, triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SkipValidation, ValidationInfo

from dagu_core.base.spelling import fold
from dagu_core.model.plan.schedule import POLICIES, CatchUp, Overlap, TriggerEntry
from dagu_core.model.spec.explain import check_plugin_value
from dagu_core.model.spec.forms import Priority, QueueName
from dagu_core.model.spec.keys import known_keys
from dagu_core.model.spec.located import Map, Seq, plain
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.moments import Length
from dagu_core.model.spec.refusal import describe, refused, report_item
from dagu_core.model.spec.suggest import suggestion

_MODES = {"none": "none", "latest": "latest", "all": "all", "one": "latest", "recent": "latest"}


def _policy(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else ""
    if word != "all" and word not in POLICIES:
        message = f"must be one of {', '.join(POLICIES)}, not {describe(value)}"
        raise refused(message, code="D101", hint=suggestion(word, POLICIES))
    return "queue" if word == "all" else word


Policy = Annotated[str, BeforeValidator(_policy), Field(json_schema_extra={"enum": [*POLICIES, "all"]})]


class OverlapSpec(SpecModel):
    """What happens when a start meets active runs."""

    noun: ClassVar[str] = "overlap"

    policy: Policy = Field("skip", description="skip, queue, latest, cancel, terminate or allow.")
    max_queued: int = Field(100, ge=1, le=100_000, description="Runs that may wait with `queue`.")
    group: str = Field("", description="DAGs with the same text count as one.")
    include_manual: bool = Field(False, description="Starts by hand obey too.")

    def build(self) -> Overlap:
        """The rule of the plan."""
        return Overlap(self.policy, self.max_queued, self.group.strip(), self.include_manual, explicit=True)


def _mode(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _MODES:
        message = f"must be one of none, latest, all, not {describe(value)}"
        raise refused(message, code="D005", hint=suggestion(word, _MODES))
    return _MODES[word]


class CatchUpSpec(SpecModel):
    """What happens with starts that were missed."""

    noun: ClassVar[str] = "catchUp"
    spellings: ClassVar[dict[str, str]] = {"catchupWindow": "window", "maxCatchupRuns": "max_runs"}

    mode: Annotated[str, BeforeValidator(_mode), Field(json_schema_extra={"enum": list(_MODES)})] = Field(
        "all", description="`all` missed starts, the `latest` one, or `none`."
    )
    window: Length | None = Field(None, description="How far back; 24h when not given.")
    max_runs: int = Field(
        0, ge=1, le=10_000, description="At most so many, the newest; as the settings allow when not given."
    )
    delay: Length | None = Field(None, description="Time between two of them.")
    on_unsuspend: bool = Field(False, description="The time of a suspension counts as missed.")
    reverse: bool = Field(False, description="Newest first.")

    def build(self) -> CatchUp:
        """The rule of the plan."""
        return CatchUp(
            mode=self.mode,
            window=self.window or CatchUp().window,
            max_runs=self.max_runs,
            delay=self.delay or 0.0,
            on_unsuspend=self.on_unsuspend,
            reverse=self.reverse,
        )


class StandingSpec(SpecModel):
    """Where the runs of a trigger wait, whatever kind it is of."""

    noun: ClassVar[str] = "trigger"

    queue: QueueName = Field("", description="Queue of the runs it starts.")
    priority: Priority = Field(
        None, description="Priority of the runs it starts: low, normal, high or 0 to 9."
    )


def _triggers(value: Any, info: ValidationInfo[Reading]) -> list[TriggerEntry]:
    """A mapping or a list of them -> entries."""
    if isinstance(value, Map):
        return _trigger(value, info.context)
    if not isinstance(value, Seq):
        raise refused(f"must be a list of mappings, not {describe(value)}")
    found: list[TriggerEntry] = []
    for index, item in enumerate(value):
        if isinstance(item, Map):
            found += _trigger(item, info.context)
        else:
            report_item(info, value, index, f"must be a mapping, not {describe(item)}")
    return found


def _trigger(item: Map, reading: Reading) -> list[TriggerEntry]:
    key = item.written("type") or item.written("kind")
    word = item[key] if key is not None else None
    if not isinstance(word, str) or not word.strip():
        place = item.value_place(key) if key is not None else item.place
        hint = f"known types: {', '.join(sorted(reading.vocabulary.triggers))}"
        reading.findings.error("a trigger needs a `type`", place, code="D004", hint=hint)
        return []
    config = Map(item.place)
    config.update({name: value for name, value in item.items() if name != key})
    config.spots = item.spots
    return trigger_entry(word.strip(), config, item.value_place(key or ""), reading)


def trigger_entry(word: str, config: Map, place: Any, reading: Reading) -> list[TriggerEntry]:
    """The entry of a trigger, judged by its model; none without its plugin, which is reported."""
    model = reading.vocabulary.triggers.get(word)
    if model is None:
        if not reading.missing_plugin(word, place):
            known = reading.vocabulary.triggers
            hint = suggestion(word, known) or f"known types: {', '.join(sorted(known))}"
            reading.findings.error(f"unknown trigger type `{word[:40]}`", place, code="D005", hint=hint)
        return []
    standing = _standing(config, known_keys(model), reading)
    also = ("queue", "priority", "type")
    check_plugin_value(model, config, "triggers", config.place, reading.findings, also=also)
    data = plain(config)
    watched = data.get("watch", "")
    shown = ", ".join(map(str, watched)) if isinstance(watched, list) else str(watched)
    return [TriggerEntry(word, data, f"{word} {shown}".strip(), standing.queue, standing.priority)]


def _standing(config: Map, own: Mapping[str, str], reading: Reading) -> StandingSpec:
    """What `queue` and `priority` say, which are taken out unless the trigger has such keys itself."""
    common = known_keys(StandingSpec)
    taken = Map(config.place)
    taken.spots = config.spots
    for key in [key for key in config if fold(key) in common and fold(key) not in own]:
        taken[key] = config.pop(key)
    return StandingSpec.model_validate(taken, context=reading)


def _file_trigger(value: Any, info: ValidationInfo[Reading]) -> list[TriggerEntry]:
    if isinstance(value, str | Seq):
        config = Map(value.place) if isinstance(value, Seq) else Map()
        config["watch"] = value
    elif isinstance(value, Map):
        config = value
    else:
        raise refused(f"must be a mapping, not {describe(value)}")
    return trigger_entry("file", config, config.place, info.context)


Triggers = Annotated[
    SkipValidation[list[TriggerEntry]],
    BeforeValidator(_triggers, json_schema_input_type=list[dict[str, Any]] | dict[str, Any]),
]
FileTrigger = Annotated[
    SkipValidation[list[TriggerEntry]],
    BeforeValidator(_file_trigger, json_schema_input_type=dict[str, Any] | str | list[str]),
]
