"""What a run is made of, as compact JSON and back: for stores, streams and files.

Values equal to their default are left out, so that old records stay readable and small. Keys that
this version does not know are skipped; anything else that is wrong raises `Damaged`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from dagu_core.model.plan.plan import Source
from dagu_core.model.run import events
from dagu_core.model.run.events import Event, Outcome
from dagu_core.model.run.run import RunSummary, StepRun
from dagu_core.model.run.signals import Signal, StopSignal

T = TypeVar("T")
Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]
Shape = tuple[list[tuple[str, Any, Encode | None]], dict[str, Decode]]


class Damaged(ValueError):
    """A stored text is not what this version, or an older one, has written."""


def _refuse(constant: str) -> Any:
    raise Damaged(f"{constant} is not JSON")


_dump = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode
_parse = json.JSONDecoder(parse_constant=_refuse).decode
_EVENTS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(events.Event)}
_SHAPES: dict[type[Any], Shape] = {}
_SIGNALS: dict[str, type[Any]] = {"StopSignal": StopSignal}


def encode_summary(summary: RunSummary) -> str:
    """The row of a run. Raises ValueError for a value JSON cannot hold, like all encoders here."""
    return dump_json(_fields_of(summary))


def decode_summary(text: str) -> RunSummary:
    """The inverse of `encode_summary`; raises Damaged."""
    return _as(RunSummary, load_json(text))


def salvage_summary(text: str) -> dict[str, Any]:
    """The fields of a damaged row that still make sense, by name; never raises."""
    try:
        data = load_json(text)
    except Damaged:
        return {}
    found: dict[str, Any] = {}
    for name, decode in _shape(RunSummary)[1].items() if isinstance(data, dict) else ():
        try:
            found[name] = decode(data[name])
        except (Damaged, KeyError):
            continue
    return found


def encode_step(step: StepRun) -> str:
    """How one step stands."""
    return dump_json(_fields_of(step))


def decode_step(text: str) -> StepRun:
    """The inverse of `encode_step`; raises Damaged."""
    return _as(StepRun, load_json(text))


def encode_event(event: Event) -> str:
    """An event with its class name under `type`."""
    return dump_json({"type": type(event).__name__, **_fields_of(event)})


def decode_event(text: str) -> Event:
    """The inverse of `encode_event`; raises Damaged, also for an event this version has not."""
    return _tagged(_EVENTS, load_json(text))  # type: ignore[no-any-return]


def encode_signal(signal: Signal) -> str:
    """A signal with its class name under `type`."""
    return dump_json({"type": type(signal).__name__, **_fields_of(signal)})


def decode_signal(text: str) -> Signal:
    """The inverse of `encode_signal`; raises Damaged."""
    return _tagged(_SIGNALS, load_json(text))  # type: ignore[no-any-return]


def encode_outcome(outcome: Outcome) -> str:
    """How an attempt ended."""
    return dump_json(_fields_of(outcome))


def decode_outcome(text: str) -> Outcome:
    """The inverse of `encode_outcome`; raises Damaged."""
    return _as(Outcome, load_json(text))


def encode_source(source: Source) -> str:
    """The text of a definition and where it came from."""
    return dump_json(_fields_of(source))


def decode_source(text: str) -> Source:
    """The inverse of `encode_source`; raises Damaged."""
    return _as(Source, load_json(text))


def dump_json(value: Any) -> str:
    """Any JSON value as compact ASCII; ValueError when it is not one (NaN, an object, a cycle)."""
    try:
        return _dump(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not a JSON value: {error}") from None


def load_json(text: str) -> Any:
    """The inverse of `dump_json`; raises Damaged."""
    try:
        return _parse(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"not JSON: {error}") from None


# -- shapes, read off the dataclasses once -------------------------------------------------------


def _fields_of(value: Any) -> dict[str, Any]:
    found = {}
    for name, default, encode in _shape(type(value))[0]:
        item = getattr(value, name)
        if item != default:
            found[name] = encode(item) if encode else item
    return found


def _as(kind: type[T], data: Any) -> T:
    if not isinstance(data, dict):
        raise Damaged(f"expected {kind.__name__}, found {type(data).__name__}")
    decoders = _shape(kind)[1]
    try:
        return kind(**{name: decoders[name](item) for name, item in data.items() if name in decoders})
    except TypeError as error:
        raise Damaged(f"{kind.__name__}: {error}") from None


def _tagged(kinds: dict[str, type[Any]], data: Any) -> Any:
    tag = data.get("type") if isinstance(data, dict) else None
    kind = kinds.get(tag) if isinstance(tag, str) else None
    if kind is None:
        raise Damaged(f"unknown type {tag!r}")
    return _as(kind, data)


def _read_shape(kind: type[Any]) -> Shape:
    hints = get_type_hints(kind)
    encoders: list[tuple[str, Any, Encode | None]] = []
    for field in fields(kind):
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        encoders.append((field.name, default, _encoder(hints[field.name])))
    return encoders, {name: _decoder(hints[name]) for name, _, _ in encoders}


def _shape(kind: type[Any]) -> Shape:
    shape = _SHAPES.get(kind)
    if shape is None:
        shape = _SHAPES[kind] = _read_shape(kind)
    return shape


def _encoder(hint: Any) -> Encode | None:
    """None when the JSON encoder takes the value as it is."""
    if is_dataclass(hint):
        return _fields_of
    inner = [encode for encode in map(_encoder, get_args(hint)) if encode]
    if not inner or get_origin(hint) is Literal:
        return None
    item = inner[0]
    if get_origin(hint) in (Union, UnionType):
        return lambda value: None if value is None else item(value)
    return lambda value: [item(each) for each in value]


def _decoder(hint: Any) -> Decode:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: value
    if origin is Literal:
        return lambda value: _member(value, args)
    if origin in (Union, UnionType):
        (item,) = (_decoder(arg) for arg in args if arg is not NoneType)
        return lambda value: None if value is None else item(value)
    if origin is tuple and args[-1] is not Ellipsis:
        items = [_decoder(arg) for arg in args]
        return lambda value: tuple(
            decode(each) for decode, each in zip(items, _list(value, len(items)), strict=True)
        )
    if origin in (tuple, list):
        each = _decoder(args[0])
        return lambda value: origin(map(each, _list(value)))
    if origin is dict:
        entry = _decoder(args[1])
        return lambda value: {name: entry(item) for name, item in _mapping(value).items()}
    if is_dataclass(hint):
        return lambda value: _as(hint, value)  # type: ignore[arg-type]
    if issubclass(hint, Enum):
        by_value = {member.value: member for member in hint}
        return lambda value: by_value[_member(value, by_value)]
    return _float if hint is float else lambda value: _exactly(hint, value)


def _member(value: Any, allowed: Iterable[Any]) -> Any:
    # `True == 1`, but a flag where a number belongs is damage.
    if type(value) not in (int, str) or value not in allowed:
        raise Damaged(f"unexpected value {value!r}")
    return value


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Damaged(f"expected {kind.__name__}, found {value!r:.40}")
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise Damaged(f"expected a number, found {value!r:.40}")
    return float(value)


def _list(value: Any, length: int | None = None) -> list[Any]:
    if type(value) is not list or length not in (None, len(value)):
        raise Damaged(f"expected a list, found {value!r:.40}")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Damaged(f"expected a mapping, found {value!r:.40}")
    return value
