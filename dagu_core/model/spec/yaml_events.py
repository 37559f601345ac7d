"""The events of a YAML text, from the C parser wherever it can read the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml as pyyaml
from yaml import events

_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]")


def yaml_events(text: str) -> Iterator[Any]:
    """The events of all documents, as they are parsed. Raises YAMLError."""
    parser = _parser(text)
    joins = isinstance(parser, pyyaml.SafeLoader)
    try:
        while (event := parser.get_event()) is not None:
            if joins and isinstance(event, events.ScalarEvent):
                _join_surrogates(event)
            yield event
            if isinstance(event, events.StreamEndEvent):
                return
    finally:
        if hasattr(parser, "dispose"):
            parser.dispose()


def _parser(text: str) -> Any:
    if not _SURROGATES.search(text):
        with suppress(ImportError):
            from yaml._yaml import CParser

            return CParser(text)
    # libyaml is not there, or refuses the pairs JSON writes for U+10000 and above: slower, same events.
    return pyyaml.SafeLoader(text)


def _join_surrogates(event: Any) -> None:
    try:
        event.value = event.value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise pyyaml.MarkedYAMLError(
            problem="half of a surrogate pair", problem_mark=event.start_mark
        ) from None
