"""What a run is made of, as compact JSON and back: for stores, streams and files.

Values equal to their default are left out, so that old records stay readable and small. Keys that
this version does not know are skipped; anything else that is wrong raises `Damaged`.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn, TypeVar

from msgspec import ValidationError, convert, to_builtins
from msgspec.json import Decoder
from msgspec.structs import fields

from dagu_core.model.plan.plan import Source
from dagu_core.model.run.events import Event, Outcome
from dagu_core.model.run.run import RunSummary, StepRun
from dagu_core.model.run.signals import Signal

T = TypeVar("T")


class Damaged(ValueError):
    """A stored text is not what this version, or an older one, has written."""


def _refuse(constant: str) -> NoReturn:
    raise Damaged(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        _refuse(digits)
    return number


# The standard library writes and reads the text itself: it keeps lone surrogates, which names of
# files may hold, and refuses numbers that JSON has not.
_dump = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode
_parse = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def encode_summary(summary: RunSummary) -> str:
    """The row of a run. Raises ValueError for a value JSON cannot hold, like all encoders here."""
    return _encode(summary)


def decode_summary(text: str) -> RunSummary:
    """The inverse of `encode_summary`; raises Damaged."""
    return _decode(text, RunSummary)


def salvage_summary(text: str) -> dict[str, Any]:
    """The fields of a damaged row that still make sense, by name; never raises."""
    try:
        data = load_json(text)
    except Damaged:
        return {}
    found: dict[str, Any] = {}
    for field in fields(RunSummary) if isinstance(data, dict) else ():
        try:
            found[field.name] = _convert(data[field.name], field.type)
        except (Damaged, KeyError):
            continue
    return found


def encode_step(step: StepRun) -> str:
    """How one step stands."""
    return _encode(step)


def decode_step(text: str) -> StepRun:
    """The inverse of `encode_step`; raises Damaged."""
    return _decode(text, StepRun)


def encode_event(event: Event) -> str:
    """An event with its class name under `type`."""
    return _encode(event)


def decode_event(text: str) -> Event:
    """The inverse of `encode_event`; raises Damaged, also for an event this version has not."""
    return _decode(text, Event)  # type: ignore[arg-type]


def encode_signal(signal: Signal) -> str:
    """A signal with its class name under `type`."""
    return _encode(signal)


def decode_signal(text: str) -> Signal:
    """The inverse of `encode_signal`; raises Damaged."""
    return _decode(text, Signal)


def encode_outcome(outcome: Outcome) -> str:
    """How an attempt ended."""
    return _encode(outcome)


def decode_outcome(text: str) -> Outcome:
    """The inverse of `encode_outcome`; raises Damaged."""
    return _decode(text, Outcome)


def encode_source(source: Source) -> str:
    """The text of a definition and where it came from."""
    return _encode(source)


def decode_source(text: str) -> Source:
    """The inverse of `encode_source`; raises Damaged."""
    return _decode(text, Source)


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


def _encode(value: Any) -> str:
    try:
        plain = to_builtins(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not a JSON value: {error}") from None
    return dump_json(plain)


def _decode(text: str, kind: type[T]) -> T:
    return _convert(load_json(text), kind)


#: msgspec looks at a type when it is first used, and two threads of a store that do so at once can end the
#: process: so it looks at all of them now, while this module is imported
KINDS = Decoder(tuple[Event, Outcome, RunSummary, Signal, Source, StepRun])


def _convert(data: Any, kind: type[T]) -> T:
    try:
        return convert(data, kind)
    except (ValidationError, RecursionError) as error:
        raise Damaged(str(error)) from None
