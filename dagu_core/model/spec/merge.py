"""A document over base.yaml: what the document really says wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from dagu_core.base.config import Config
from dagu_core.base.spelling import fold
from dagu_core.model.plan.plan import ParamsSpec
from dagu_core.model.spec.dag import DagSpec, HandlersSpec
from dagu_core.model.spec.located import Map
from dagu_core.model.spec.model import Reading

#: Lists of texts of both: base first, so that later ones win where a name is given twice.
APPENDED = ("env", "tags")
#: Lists of objects: the document's replace the base's unless they are empty.
REPLACED = ("steps", "secrets", "schedule", "triggers", "file_trigger")
#: Mappings that mean something as a whole only.
WHOLE = frozenset({"mailon"})


class Merged(Struct):
    """A DAG with its base: `own` is the document alone, `base` the base alone, `extras` the values of
    plugin keys.

    The readings tell into whose findings a problem belongs.
    """

    spec: DagSpec
    own: DagSpec
    extras: dict[str, Any]
    dotenv: tuple[str, ...]
    steps_reading: Reading
    base_reading: Reading | None = None
    base: DagSpec | None = None
    handler_readings: dict[str, Reading] = field(default_factory=dict)

    def is_set(self, name: str) -> bool:
        """Whether the document itself sets the field."""
        return name in self.own.model_fields_set


def merge(own: DagSpec, reading: Reading, base: DagSpec | None, base_reading: Reading | None) -> Merged:
    """The document over the base; without a base the document as it is."""
    if base is None or base_reading is None:
        readings = dict.fromkeys(HandlersSpec.model_fields, reading)
        extras = _given(own.extras)
        return Merged(own, own, extras, _dotenv(own, None), reading, handler_readings=readings)
    values: dict[str, Any] = {}
    for name in own.model_fields_set | base.model_fields_set:
        values[name] = _merged_field(name, own, base)
    values["name"] = own.name
    _merge_preconditions(values, own, base)
    spec = own.model_copy(update=values)
    own_handlers = own.handler_on.model_fields_set if own.handler_on is not None else set()
    return Merged(
        spec=spec,
        own=own,
        extras=_given(_merged_extras(own.extras, base.extras, reading.vocabulary.dag_keys)),
        dotenv=_dotenv(own, base),
        steps_reading=reading if own.steps else base_reading,
        base_reading=base_reading,
        base=base,
        handler_readings={
            name: reading if name in own_handlers else base_reading for name in HandlersSpec.model_fields
        },
    )


def _merged_field(name: str, own: DagSpec, base: DagSpec) -> Any:
    mine, theirs = getattr(own, name), getattr(base, name)
    if name not in base.model_fields_set:
        return mine
    if name in APPENDED:
        both = [*theirs, *mine]
        return list(dict.fromkeys(both)) if name == "tags" else both
    if name in REPLACED:
        return mine or theirs
    if name == "params":
        return _merged_params(mine, theirs)
    if name not in own.model_fields_set:
        return theirs
    if name in ("handler_on", "run_config") and mine is not None and theirs is not None:
        return theirs.model_copy(update={key: getattr(mine, key) for key in mine.model_fields_set})
    if name == "worker_selector":
        return {**theirs, **mine}
    return mine


def _merged_params(mine: ParamsSpec | None, theirs: ParamsSpec | None) -> ParamsSpec | None:
    if mine is None or theirs is None:
        return mine or theirs
    return ParamsSpec((*theirs.defaults, *mine.defaults), mine.schema or theirs.schema)


def _merge_preconditions(values: dict[str, Any], own: DagSpec, base: DagSpec) -> None:
    source = own if own.preconditions or own.precondition else base
    values["preconditions"], values["precondition"] = source.preconditions, source.precondition


def _dotenv(own: DagSpec, base: DagSpec | None) -> tuple[str, ...]:
    """`.env` first, then the base's files, then the document's; an empty list means none at all."""
    if own.dotenv == []:
        return ()
    theirs = base.dotenv if base is not None else None
    if own.dotenv is None and theirs == []:
        return ()
    return tuple(dict.fromkeys([".env", *(theirs or ()), *(own.dotenv or ())]))


def _given(extras: dict[str, Any]) -> dict[str, Any]:
    """Without what was given as null: that is a word against the base only."""
    return {key: value for key, value in extras.items() if value is not None}


def _merged_extras(
    own: dict[str, Any], base: dict[str, Any], models: Mapping[str, type[Config]]
) -> dict[str, Any]:
    merged = {**base, **own}
    for key in own.keys() & base.keys():
        if fold(key) not in WHOLE and isinstance(own[key], Map) and isinstance(base[key], Map):
            merged[key] = _over(own[key], base[key], models[key].alternatives)
    return merged


def _over(own: Map, base: Map, alternatives: Sequence[frozenset[str]]) -> Map:
    """`base` with the keys of `own` in their place, whatever their spelling; `own` alone when it chose
    another of the alternatives."""
    chosen, theirs = (_chosen(each, alternatives) for each in (own, base))
    if chosen and theirs and chosen != theirs:
        return own
    both = Map(own.place)
    mine = {fold(key) for key in own}.union(*chosen)
    both.update({key: value for key, value in base.items() if fold(key) not in mine})
    both.update(own)
    both.spots = dict(own.spots)
    return both


def _chosen(given: Map, alternatives: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """The alternatives of which something is said."""
    said = {fold(key) for key, value in given.items() if value not in (None, "")}
    return [group for group in alternatives if group & said]
