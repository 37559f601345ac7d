"""One line of a schedule as it is written: a text in the short form of some trigger, or a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import replace
from pydantic import Field, ValidationError

from dagu_core.base.config import Config
from dagu_core.base.errors import Invalid
from dagu_core.base.places import Place
from dagu_core.base.spelling import fold
from dagu_core.model.plan.schedule import ScheduleEntry
from dagu_core.model.spec.explain import explain
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.forms import Priority, QueueName, TextMap
from dagu_core.model.spec.keys import known_keys
from dagu_core.model.spec.located import Map, plain
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.moments import Length, Zone
from dagu_core.model.spec.refusal import describe
from dagu_core.model.spec.suggest import suggestion
from dagu_core.model.values.text import to_text

#: what a wrong schedule is, unless its trigger knows better
WRONG = "D071"
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,\-?#]+")
_CRON_WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every")
_SUN_WORDS = re.compile(r"@(sunrise|sunset|dawn|dusk|noon)\b")


class EntrySpec(SpecModel):
    """When something is due, and what is special about the run it starts."""

    noun: ClassVar[str] = "schedule entry"
    spellings: ClassVar[dict[str, str]] = {"type": "kind"}

    kind: str = Field("", description="The kind of schedule, when its keys do not tell: `cron`, `at`, `sun`.")
    expression: str = Field("", description="A short form such as `0 9 * * *`.")
    timezone: Zone = Field("", description="The zone of its times; that of the DAG when not given.")
    jitter: Length = Field(0.0, description="Start up to so much later, spread over DAGs.")
    params: TextMap = Field(default_factory=dict, description="Parameters of the runs it starts.")
    queue: QueueName = Field("", description="Queue of the runs it starts.")
    priority: Priority = Field(
        None, description="Priority of the runs it starts: low, normal, high or 0 to 9."
    )

    @classmethod
    def plugin_key(cls, key: str, raw: Map, reading: Reading) -> str | None:
        """The keys of all schedule kinds; which of them fit is told when the kind is known."""
        folded = fold(key)
        words = {fold(word) for word in reading.vocabulary.clocks}
        if folded in words or any(
            folded in known_keys(clock.config) for clock in reading.vocabulary.clocks.values()
        ):
            return key
        return "" if reading.missing_plugin(key, raw.key_place(key)) else None

    def build(self, action: str, reading: Reading) -> ScheduleEntry | None:
        """The entry of the plan; None when something is wrong, which is reported then."""
        if self.broken:
            return None
        entry = self._by_expression(action, reading) if self.expression else self._by_keys(action, reading)
        if entry is None:
            return None
        return replace(
            entry,
            timezone=self.timezone or entry.timezone,
            jitter=self.jitter,
            params=self.params,
            queue=self.queue,
            priority=self.priority,
        )

    def _by_expression(self, action: str, reading: Reading) -> ScheduleEntry | None:
        place = self.raw.value_place(self.raw.fields["expression"])
        try:
            entry = read_text(action, self.expression, reading)
        except Invalid as error:
            report(error, place, reading)
            return None
        for key in self.extras:
            message = f"`{key}` cannot stand beside `expression`"
            reading.findings.error(message, self.raw.key_place(key), code="D012", length=len(key))
        return entry

    def _by_keys(self, action: str, reading: Reading) -> ScheduleEntry | None:
        clocks = reading.vocabulary.clocks
        folded = {fold(word): word for word in clocks}
        if self.kind:
            word = folded.get(fold(self.kind.strip()), "")
            place = self.raw.value_place(self.raw.fields["kind"])
            if not word:
                if not reading.missing_plugin(self.kind.strip(), place):
                    hint = suggestion(self.kind, clocks) or f"known kinds: {', '.join(sorted(clocks))}"
                    message = f"unknown kind of schedule `{self.kind[:40]}`"
                    reading.findings.error(message, place, code="D005", hint=hint)
                return None
        else:
            word = next((folded[fold(key)] for key in self.extras if fold(key) in folded), "")
        if not word:
            hint = "write `expression`, or the keys of one kind of schedule"
            reading.findings.error("a schedule entry says when", self.raw.place, code="D004", hint=hint)
            return None
        clock = clocks[word]
        config = Map(self.raw.place)
        config.update(self.extras)
        config.spots = self.raw.spots
        names = known_keys(clock.config)
        config.fields = {names[fold(key)]: key for key in self.extras if fold(key) in names}
        if not is_valid(clock.config, config, self.raw.place, reading):
            return None
        if clock.name == "at" and action != "start":
            message = f"`at` can start a DAG, not {action} it"
            reading.findings.error(message, self.raw.place, code=WRONG)
            return None
        data = plain(config)
        text = ", ".join(f"{key}: {_shown(value)}" for key, value in data.items())
        return ScheduleEntry(action, clock.name, data, text)


def _shown(value: Any) -> str:
    """A value as it may stand in the file."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list) else to_text(value)


def read_text(action: str, text: str, reading: Reading) -> ScheduleEntry:
    """The entry of a short form, with its zone in front or not. Raises Invalid."""
    line, zone = text.strip(), ""
    first, _, rest = line.partition(" ")
    if first.startswith(("CRON_TZ=", "TZ=")):
        from dagu_core.base.zones import zone_named

        zone = first.partition("=")[2]
        zone_named(zone)
        line = rest.strip()
    for clock in {each.name: each for each in reading.vocabulary.clocks.values()}.values():
        if (data := clock.read(line)) is not None:
            return ScheduleEntry(action, clock.name, dict(data), text.strip(), zone)
    return ScheduleEntry(action, "cron", _without_plugin(line, reading), text.strip(), zone)


def _without_plugin(line: str, reading: Reading) -> Mapping[str, Any]:
    """What plain cron is known to be: a DAG stays valid where nobody schedules it."""
    fields = line.split()
    descriptor = fields[0].lower() if fields else ""
    if _SUN_WORDS.match(descriptor):
        _refuse_missing(line, "sun", reading)
    if "cron" in reading.vocabulary.clocks:
        raise Invalid(f"invalid schedule: {line[:60]!r} is none of the installed kinds", code=WRONG)
    if descriptor in _CRON_WORDS or (len(fields) == 6 and all(map(_CRON_FIELD.fullmatch, fields))):
        _refuse_missing(line, "cron", reading)
    if descriptor.startswith("@"):
        raise Invalid(
            f"invalid schedule: parser does not accept descriptors like {descriptor[:20]}", code="D005"
        )
    if len(fields) != 5:
        raise Invalid(f"invalid schedule: expected exactly 5 fields, found {len(fields)}", code="D005")
    if wrong := [field for field in fields if not _CRON_FIELD.fullmatch(field)]:
        raise Invalid(f"invalid schedule: {wrong[0][:40]!r} is no cron field", code="D005")
    return {"expression": line}


def _refuse_missing(line: str, word: str, reading: Reading) -> None:
    if (lack := reading.lack_of(word)) is not None:
        raise Invalid(f"schedule {line[:60]!r} {lack[0]}", hint=lack[1], code="D014")


def report(error: Invalid, place: Place, reading: Reading) -> None:
    """Put what a trigger said about its short form into the findings."""
    reading.findings.error(str(error), place, code=error.details.get("code", WRONG), hint=error.hint)


def is_valid(model: type[Config], data: Map, place: Place, reading: Reading, noun: str = "schedule") -> bool:
    """Whether a trigger's model takes the data; what is wrong is reported."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        own = Findings(reading.findings.text, reading.findings.file)
        explain(error, data, own, noun=noun, place=place, model=model)
        for problem in own.errors:
            reading.findings.add(replace(problem, code=WRONG) if problem.code == "D005" else problem)
        return False
    return True


def mistaken_item(item: Any) -> str:
    """What is wrong about an item that is neither text nor mapping."""
    return f"must be a text or a mapping, not {describe(item)}"
