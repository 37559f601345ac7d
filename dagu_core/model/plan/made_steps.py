"""A step of a step type of the file -> the step it stands for."""

from __future__ import annotations

from dagu_core.base.places import Place
from dagu_core.base.spelling import fold
from dagu_core.model.plan.filling import Filler, TooMuch
from dagu_core.model.plan.inputs import judged, with_defaults
from dagu_core.model.plan.origins import CallFindings, Origin
from dagu_core.model.plan.plan import MadeFrom
from dagu_core.model.plan.step_types import StepTypeOfFile, StepTypes
from dagu_core.model.plan.steps import Made
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.keys import known_keys
from dagu_core.model.spec.located import Map, Seq, plain
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.step import StepSpec

#: What a step may say itself; everything else is its step type's.
_AT_STEP = frozenset(
    (
        *("name", "id", "description", "depends", "continue_on", "retry_policy", "repeat_policy"),
        *("mail_on_error", "preconditions", "precondition", "signal_on_stop", "env", "timeout_sec"),
        *("stdout", "stderr", "log_output", "worker_selector", "output", "on_crash", "detach"),
    )
)
#: How a step names its type, and gives the inputs.
_CALLING = frozenset({"type", "action", "executor", "config", "with_"})
#: Of these, both count: first the template's, then the step's.
_ADDED = frozenset({"env", "preconditions", "precondition"})


class Maker:
    """Makes the steps of one document, within the bounds a document has."""

    def __init__(self, types: StepTypes) -> None:
        self.types = types
        self.origins = types.origins
        self.filler = Filler(types.origins)

    def make(self, spec: StepSpec, reading: Reading) -> Made:
        """What the step stands for. When that cannot be told, the reason is told where it belongs,
        and nothing more about the step."""
        if (word := _word(spec)) not in self.types.known:
            return Made(spec, reading)
        findings = CallFindings(reading.findings, self.origins, _place(spec, "type"))
        own = Reading(reading.vocabulary, findings)
        own.own_types = reading.own_types
        silent = Reading(reading.vocabulary, Findings("", ""))
        uses: list[MadeFrom] = []
        made = spec
        while (name := _word(made)) in self.types.known:
            if (one := self.types.get(name)) is None:
                return Made(spec, silent, word)
            raw = self._made(made, one, own, uses)
            if raw is None or findings.told:
                return Made(spec, silent, word)
            made = StepSpec.model_validate(raw, context=own)
        return Made(made, own, word, tuple(uses))

    def _made(
        self, spec: StepSpec, one: StepTypeOfFile, reading: Reading, uses: list[MadeFrom]
    ) -> Map | None:
        _check_call(spec, one, reading)
        given = _given(spec, reading)
        if given is None:
            return None
        inputs = with_defaults(given, one.schema)
        rules = judged(inputs, one, given, reading.findings)
        uses.append(MadeFrom(one.name, plain(inputs), rules, plain(one.spec.outputs)))
        if isinstance(reading.findings, CallFindings) and reading.findings.told:
            return None
        try:
            fragment = self.filler.fill(one, inputs, reading.findings)
        except TooMuch:
            message = "the step types make more of this file than a file may hold"
            hint = "use smaller templates, or fewer steps"
            reading.findings.error(message, spec.raw.place, code="D009", hint=hint)
            return None
        return self._over(fragment, spec, one)

    def _over(self, fragment: Map, spec: StepSpec, one: StepTypeOfFile) -> Map:
        """The filled template with what the step says itself over it."""
        raw, made = spec.raw, Map(fragment.place)
        mine = {_field(key): key for key, value in raw.items() if value is not None}
        mine = {field: key for field, key in mine.items() if field not in _CALLING}
        theirs = {_field(key): key for key, value in fragment.items() if value is not None}
        for field, key in theirs.items():
            if field not in mine:
                _put(made, key, fragment)
            elif field in _ADDED:
                made[key] = _both(fragment, key, raw, mine.pop(field))
                made.spots[key] = fragment.spots[key]
        for key in mine.values():
            _put(made, key, raw)
        definition = one.spec.raw
        spot = self.origins.mark(Origin(one.name, one.where))
        made["type"], made.spots["type"] = definition[definition.fields["type"]].strip(), (*spot, *spot)
        if one.spec.description and "description" not in {*mine, *theirs}:
            made["description"], made.spots["description"] = one.spec.description, (*spot, *spot)
        return made


def _word(spec: StepSpec) -> str:
    """The step type as written, "" when the step names none."""
    executor = spec.executor.type if spec.executor is not None else ""
    return (spec.type or spec.action or executor).strip()


def _place(spec: StepSpec, field: str) -> Place:
    key = spec.raw.fields.get(field)
    return spec.raw.value_place(key) if key is not None else spec.raw.place


def _field(key: str) -> str:
    fields = known_keys(StepSpec)
    return fields.get(key) or fields.get(fold(key)) or fold(key)


def _check_call(spec: StepSpec, one: StepTypeOfFile, reading: Reading) -> None:
    """What does the work is the step type's; keys of guards are the step's."""
    raw = spec.raw
    owned = {fold(word) for each in reading.vocabulary.step_types.values() for word in each.capabilities}
    for key, value in raw.items():
        field = _field(key)
        allowed = field in _AT_STEP | _CALLING if field in StepSpec.model_fields else field not in owned
        if not allowed and value is not None:
            reading.findings.error(
                f"`{key}` cannot be used with step type `{one.name}`",
                raw.key_place(key),
                code="D012",
                hint=f"what does the work stands in its template at {one.where}",
                length=len(key),
            )


def _given(spec: StepSpec, reading: Reading) -> Map | None:
    """The inputs as written, without those that are null; None when they are wrong."""
    if not spec.broken.isdisjoint(_CALLING):
        return None
    raw = spec.raw
    found = [(raw, raw.fields[field]) for field in ("with_", "config") if getattr(spec, field) is not None]
    if spec.executor is not None and spec.executor.config:
        found.append((spec.executor.raw, spec.executor.raw.fields["config"]))
    if len(found) > 1:
        owner, key = found[1]
        message = "inputs are given twice"
        reading.findings.error(message, owner.key_place(key), code="D012", hint="keep one of the two")
        return None
    given = Map(found[0][0].value_place(found[0][1]) if found else raw.place)
    for owner, key in found:
        written = owner[key]
        given.update({name: value for name, value in written.items() if value is not None})
        given.spots = dict(written.spots)
    return given


def _put(made: Map, key: str, source: Map) -> None:
    made[key] = source[key]
    made.spots[key] = source.spots.get(key, (source.place.line, source.place.column) * 2)


def _both(first: Map, its_key: str, second: Map, key: str) -> Seq:
    both = Seq(first.value_place(its_key))
    for owner, name in ((first, its_key), (second, key)):
        value, place = owner[name], owner.value_place(name)
        both += value if isinstance(value, Seq) else [value]
        both.spots += value.spots if isinstance(value, Seq) else [(place.line, place.column)]
    return both
