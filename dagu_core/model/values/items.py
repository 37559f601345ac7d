"""The items of a parallel step: one text, split the way its author most likely meant."""

from __future__ import annotations

import re

from dagu_core.model.values.json_parts import json_parts, json_value

_SEPARATORS = "\t|;,"
_EDGE_QUOTE = re.compile(r'(?:^|(?<=\s))"|"(?=\s|$)')
_WORD = re.compile(r'"((?:\\"|[^"])*)"|([^\s"]+)')


def split_items(text: str) -> list[str]:
    """The items in `text`.

    A JSON array gives its elements, a JSON object is one item, both as they are written. Else lines,
    quoted words, the most frequent of tab, `|`, `;` and `,`, or blanks separate the items; empty
    ones are dropped.
    """
    text = text.strip()
    parts = json_parts(text)
    if isinstance(parts, list):
        return [part if part == "null" else json_value(part) for part in parts]
    if parts is not None:
        return [text]
    return [item for item in map(str.strip, _pieces(text)) if item]


def _pieces(text: str) -> list[str]:
    if "\n" in text:
        return text.splitlines()
    if len(_EDGE_QUOTE.findall(text)) >= 2:
        return [word[2] or word[1].replace('\\"', '"') for word in _WORD.finditer(text)]
    best = max(_SEPARATORS, key=text.count)
    return text.split(best) if best in text else text.split()
