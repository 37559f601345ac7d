"""The step types a file or its base defines: imported only when one has the key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from dagu_core.base.errors import Invalid
from dagu_core.base.places import Place
from dagu_core.base.spelling import fold
from dagu_core.model.plan.graph import find_cycles
from dagu_core.model.plan.kinds import COMMAND, NO_ENGINE, registered
from dagu_core.model.plan.origins import Origins, spoken
from dagu_core.model.spec.keys import known_keys
from dagu_core.model.spec.located import Map, Seq, plain
from dagu_core.model.spec.merge import Merged
from dagu_core.model.spec.model import Reading, report_unknown_key
from dagu_core.model.spec.step import StepSpec
from dagu_core.model.spec.step_types import StepTypeSpec
from dagu_core.model.spec.suggest import suggestion
from dagu_core.model.values.json_rules import check_rules
from dagu_core.model.values.template import used

#: Step types made of one another; more is nobody's plan.
MAX_CHAIN = 10
_START = Place()
#: Fields that only the step itself can have.
_OF_THE_STEP = frozenset({"name", "id", "depends"})
#: Fields the definition has in the place of the template.
_OF_THE_TYPE = frozenset({"type", "executor", "action"})
#: Keywords of a schema that may allow more names than `properties` has.
_OPEN = (
    *("additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "$ref"),
    *("$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"),
)


class StepTypeOfFile(Struct):
    """One definition: as written, into whose findings it belongs, and copies that keep their places
    when they become part of a step. `file` is "" for the file that is being read, `names` are the
    inputs there are (None: the schema leaves that open), `sound` tells whether it has no mistake."""

    name: str
    spec: StepTypeSpec
    reading: Reading
    file: str
    template: Map
    schema: Map
    names: frozenset[str] | None = None
    sound: bool | None = None

    @property
    def where(self) -> str:
        """The place of the definition in words."""
        return spoken(self.spec.raw.place, self.file)


class StepTypes:
    """The step types of one document. What is wrong with those of the document is told at once,
    those of the base are looked at when a step uses them."""

    def __init__(self, merged: Merged, reading: Reading) -> None:
        self.origins = Origins()
        self.reading = reading
        self.known: dict[str, StepTypeOfFile | None] = {}
        base, base_reading = merged.base, merged.base_reading
        if base is not None and base_reading is not None:
            self._add(base.step_types, base_reading, base_reading.findings.file)
        own = merged.own
        for name in own.step_types.keys() & self.known.keys():
            written = own.raw[own.raw.fields["step_types"]]
            first = self.known[name]
            reading.findings.error(
                f"step type `{name}` is already defined at {first.where if first else 'base'}",
                written.key_place(name),
                code="D006",
                hint="give one of the two another name",
                length=len(name),
            )
        self._add(own.step_types, reading, "")
        for each in (reading, base_reading):
            if each is not None:
                each.own_types = frozenset(self.known)
        self._check_chains()
        for name in own.step_types:
            self.get(name)

    def get(self, name: str) -> StepTypeOfFile | None:
        """A step type without mistakes; None when it has one, which is told then."""
        found = self.known[name]
        if found is not None and found.sound is None:
            before = len(found.reading.findings.errors)
            _check(found, self)
            found.sound = len(found.reading.findings.errors) == before
        return found if found is not None and found.sound else None

    def _add(self, written: dict[str, StepTypeSpec | None], reading: Reading, file: str) -> None:
        for name, spec in written.items():
            self.known[name] = None
            if spec is not None and not spec.broken:
                template, schema = (_written(spec, field) for field in ("template", "input_schema"))
                self.known[name] = StepTypeOfFile(
                    name,
                    spec,
                    reading,
                    file,
                    self.origins.marked(template, name, file),
                    self.origins.marked(schema, name, file),
                )

    def _check_chains(self) -> None:
        """Step types may be made of others, but not of themselves."""
        names = list(self.known)
        numbers = {name: number for number, name in enumerate(names)}
        made_of = [
            (numbers[each.spec.type],) if each is not None and each.spec.type in numbers else ()
            for each in self.known.values()
        ]
        for cycle in find_cycles(made_of):
            shown = [names[index] for index in (cycle[0], *reversed(cycle[1:]))]
            circle = " → ".join([*shown, shown[0]])
            self._refuse(shown, f"step types are made of each other: {circle}", "D016")
        for name in names:
            last, others = name, 0
            while (each := self.known[last]) is not None and each.sound is None and others <= MAX_CHAIN:
                if (last := each.spec.type) not in numbers:
                    break
                others += 1
            if others > MAX_CHAIN:
                self._refuse([name], f"step type `{name}` is made of more than {MAX_CHAIN} others", "D009")

    def _refuse(self, names: list[str], message: str, code: str) -> None:
        first = self.known[names[0]]
        if first is not None:
            place = first.spec.raw.value_place(first.spec.raw.fields["type"])
            first.reading.findings.error(message, place, code=code, hint="end with a registered step type")
        for name in names:
            if (each := self.known[name]) is not None:
                each.sound = False


def _written(spec: StepTypeSpec, field: str) -> Map:
    key = spec.raw.fields.get(field)
    value = spec.raw[key] if key is not None else None
    return value if isinstance(value, Map) else Map(spec.raw.place)


def _check(one: StepTypeOfFile, types: StepTypes) -> None:
    """Tell what is wrong with a definition, whoever uses it."""
    spec, findings = one.spec, one.reading.findings
    if one.name.lower() in (COMMAND, *NO_ENGINE) or one.reading.step_type(one.name) is not None:
        message = f"step type `{one.name}` has the name of a registered one"
        findings.error(message, spec.raw.place, code="D006", hint="give it another name")
    place = spec.raw.value_place(spec.raw.fields["type"])
    if spec.type.strip() not in types.known:
        registered(spec.type.strip(), place, one.reading)
    for field in ("input_schema", "outputs"):
        key = spec.raw.fields.get(field)
        if key is not None and (schema := _written(spec, field)):
            try:
                check_rules(plain(schema))
            except Invalid as error:
                findings.error(f"`{key}` {error}", schema.place, code="D005", hint=error.hint)
    _check_template(one)


def _check_template(one: StepTypeOfFile) -> None:
    findings, template = one.reading.findings, _written(one.spec, "template")
    fields = known_keys(StepSpec)
    for key in template:
        field = fields.get(key) or fields.get(fold(key))
        if field is None and StepSpec.plugin_key(key, template, one.reading) is None:
            report_unknown_key(key, template, StepSpec, one.reading)
        elif field in _OF_THE_STEP or field in _OF_THE_TYPE:
            findings.error(
                f"`{key}` cannot stand in a template",
                template.key_place(key),
                code="D012",
                hint="write it in the step" if field in _OF_THE_STEP else "`type` stands beside `template`",
                length=len(key),
            )
    try:
        asked = {path.partition(".")[0]: place for path, place in asked_for(template)}
    except _Unreadable as error:
        findings.error(str(error), error.place, code="D005", hint=error.hint)
        return
    one.names = _names(one.spec.input_schema, frozenset(asked))
    for name, place in asked.items():
        if one.names is not None and name and name not in one.names:
            findings.error(
                f"the template asks for an input `{name[:40]}` that `inputSchema` does not have",
                place,
                code="D007",
                hint=suggestion(name, one.names),
            )


def _names(schema: dict[str, Any], asked: frozenset[str]) -> frozenset[str] | None:
    """The inputs there are, by the schema or else by the template; None when that is left open."""
    closed = schema.get("additionalProperties") is False
    if any(key in schema for key in _OPEN) and not closed:
        return None
    properties = schema.get("properties")
    declared = frozenset(properties) if isinstance(properties, dict) else frozenset()
    return declared if declared or closed else asked


class _Unreadable(Invalid):
    """A text or an injection of a template that cannot be read."""

    def __init__(self, message: str, place: Place, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.place = place


def injected(node: Any) -> str | None:
    """The path in `{$input: path}`; None for anything else."""
    path = node.get("$input") if isinstance(node, dict) and len(node) == 1 else None
    return path if isinstance(path, str) and path else None


def asked_for(node: Any, place: Place = _START) -> Iterator[tuple[str, Place]]:
    """(path of an input, where the template asks for it). Raises _Unreadable."""
    if isinstance(node, str):
        try:
            yield from ((path, place) for path in used(node))
        except Invalid as error:
            raise _Unreadable(str(error), place, error.hint) from None
    elif isinstance(node, Map) and (path := injected(node)) is not None:
        yield path, node.value_place("$input")
    elif isinstance(node, Map):
        if "$input" in node:
            message = "`$input` must stand alone and name an input"
            raise _Unreadable(message, node.place, "write `{$input: path}`")
        for key, value in node.items():
            yield from asked_for(value, node.value_place(key))
    elif isinstance(node, Seq):
        for index, value in enumerate(node):
            yield from asked_for(value, node.item_place(index))
