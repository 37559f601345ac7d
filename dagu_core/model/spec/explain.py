"""What pydantic found, in the words and the places of the user."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from dagu_core.base.config import Config
from dagu_core.base.places import Place
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.keys import known_keys, shown_keys
from dagu_core.model.spec.located import Map, Seq, locate
from dagu_core.model.spec.refusal import describe
from dagu_core.model.spec.suggest import suggestion

_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "finite_number": "a finite number",
    "string_too_long": "at most {max_length} characters long",
    "string_too_short": "at least {min_length} characters long",
    "too_long": "at most {max_length} items long",
    "too_short": "at least {min_length} items long",
    "string_pattern_mismatch": "a text that matches {pattern}",
}


class Below(Struct, frozen=True):
    """The base config's value, over which the document's is laid: `keys` of it still count."""

    value: Map
    keys: Collection[str]
    findings: Findings

    def of(self, path: Sequence[object]) -> Map | None:
        """The value, when the path begins with a key that comes from it."""
        return self.value if path and self.value.written(path[0]) in self.keys else None

    @property
    def hint(self) -> str:
        """What a reader of the document alone would not see."""
        keys = ", ".join(f"`{key}`" for key in self.keys)
        return f"{self.findings.file}:{self.value.place.line} adds {keys}" if keys else ""


def explain(
    error: ValidationError,
    data: Any,
    findings: Findings,
    *,
    noun: str = "",
    place: Place | None = None,
    model: type[BaseModel] | None = None,
    below: Below | None = None,
    also: Collection[str] = (),
) -> None:
    """Put each error into `findings`.

    `data` is what was validated; it stands under the key `noun`, at `place` when it is no mapping
    or list itself. `model` helps to suggest keys of a plugin's model, beside which the keys of
    `also` may stand; what is wrong with a key that comes from `below` is told there.
    """
    if findings.is_full:
        return
    prefix = "" if noun in ("step", "DAG") else noun
    for item, wanted in _each_once(error, data, below):
        path = item["loc"]
        if item["type"] == "refused":
            path = (*path, *item["ctx"]["at"])
        theirs = below.of(path) if below is not None else None
        source, its_findings = data, findings
        if below is not None and theirs is not None:
            source, its_findings = theirs, below.findings
        spot, shown = locate(source, path)
        if place is not None and not isinstance(data, Map | Seq):
            spot = place
        if item["type"] == "extra_forbidden":
            spot = _key_place(source, path) or spot
        shown = f"{prefix}.{shown}".strip(".").replace(".[", "[")
        code, message, hint, length = _text(item, shown, model, also, wanted)
        if below is not None and not path:
            hint = hint or below.hint
        its_findings.error(message, spot, code=code, hint=hint, length=length)


def _each_once(
    error: ValidationError, data: Any, below: Below | None
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The errors, and what was wanted: one error for a value that may be of several types, and is of none."""

    def whose(path: tuple[Any, ...]) -> str:
        source = below.of(path) if below is not None else None
        source = data if source is None else source
        return locate(source, path)[1] if isinstance(source, Map | Seq) else ".".join(map(str, path))

    items = [(item, whose(item["loc"])) for item in error.errors(include_url=False)]
    # What has a part that is wrong is of a type it may have.
    fine = {at[:end] for _, at in items for end, letter in enumerate(at) if letter in ".["}
    wanted: dict[str, dict[str, None]] = {}
    for item, at in items:
        if word := _TYPES.get(item["type"]):
            wanted.setdefault(at, {})[word] = None
    for item, at in items:
        if item["type"] not in _TYPES:
            yield item, ""
        elif (words := list(wanted.pop(at, ()))) and at not in fine:
            yield item, " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _text(
    item: Any, shown: str, model: type[BaseModel] | None, also: Collection[str], wanted: str
) -> tuple[str, str, str, int]:
    kind, context, given = item["type"], item.get("ctx", {}), item.get("input")
    name = f"`{shown}`" if shown else "the document"
    if kind == "refused":
        message = context["message"]
        return (
            context["code"],
            f"{name} {message}" if message.startswith("must") else message,
            context["hint"],
            1,
        )
    if kind == "missing":
        missing = to_camel(str(item["loc"][-1]))
        parent = f" in `{shown}`" if shown else ""
        return "D004", f"`{missing}` is required{parent}", "", 1
    if kind == "extra_forbidden":
        key = str(item["loc"][-1])
        known = [*_known_at(model, item["loc"][:-1]), *(also if len(item["loc"]) == 1 else ())]
        parent = shown.rsplit(".", 1)[0] if "." in shown else ""
        where = f" in `{parent}`" if parent else ""
        hint = suggestion(key, known) or (f"known keys: {', '.join(sorted(known))}" if known else "")
        return "D003", f"unknown key `{key[:80]}`{where}", hint, len(key)
    if kind in _TYPES:
        hint = "put it in quotes" if kind == "string_type" and isinstance(given, int | float) else ""
        return "D002", f"{name} must be {wanted}, not {describe(given)}", hint, 1
    if kind in _BOUNDS:
        bound = _BOUNDS[kind].format(**{key: _shown_bound(value) for key, value in context.items()})
        hint = _nearest(given, context) if kind in ("literal_error", "enum") else ""
        return "D005", f"{name} must be {bound}, not {describe(given)}", hint, 1
    if kind in ("value_error", "assertion_error"):
        return "D005", f"{name}: {context['error']}", "", 1
    return "D005", f"{name}: {item['msg']}", "", 1


def _shown_bound(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nearest(given: object, context: dict[str, Any]) -> str:
    words = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
    return suggestion(given, words) if isinstance(given, str) else ""


def _key_place(data: Any, path: tuple[Any, ...]) -> Place | None:
    for part in path[:-1]:
        if isinstance(data, Map) and (key := data.written(part)) is not None:
            data = data[key]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
    key = data.written(str(path[-1])) if isinstance(data, Map) else None
    return data.key_place(key) if key is not None else None


def _known_at(model: type[BaseModel] | None, path: tuple[Any, ...]) -> list[str]:
    """The keys of the model that `path` leads to, where that can be told."""
    for part in path:
        if model is None:
            return []
        if isinstance(part, str) and (name := known_keys(model).get(part)):
            model = next(_models_in(model.model_fields[name].annotation), None)
    return shown_keys(model) if model is not None else []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def check_plugin_value(
    model: type[Config],
    value: Any,
    key: str,
    place: Place,
    findings: Findings,
    below: Below | None = None,
    also: Collection[str] = (),
) -> None:
    """Judge what stands under a plugin's key; references pass, they are checked at run time. Keys of
    `also` are known there, too."""
    try:
        model.model_validate(value, context={"phase": "read"})
    except ValidationError as error:
        explain(error, value, findings, noun=key, place=place, model=model, below=below, also=also)
