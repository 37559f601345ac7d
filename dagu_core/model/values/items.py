"""The items of a parallel step: one text, split the way its author most likely meant."""

from __future__ import annotations

import json
import re
from typing import Any

from dagu_core.model.values.text import to_text

_SEPARATORS = "\t|;,"
_EDGE_QUOTE = re.compile(r'(?:^|(?<=\s))"|"(?=\s|$)')
_WORD = re.compile(r'"((?:\\"|[^"])*)"|([^\s"]+)')


def split_items(text: str) -> list[Any]:
    """The items in `text`.

    A JSON array gives its elements, a JSON object is one item. Else lines, quoted words, the most
    frequent of tab, `|`, `;` and `,`, or blanks separate the items; empty ones are dropped.
    """
    text = text.strip()
    if text[:1] in ("[", "{"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, list):
            return data
        if isinstance(data, dict):
            return [data]
    return [item for item in map(str.strip, _pieces(text)) if item]


def _pieces(text: str) -> list[str]:
    if "\n" in text:
        return text.splitlines()
    if len(_EDGE_QUOTE.findall(text)) >= 2:
        return [word[2] or word[1].replace('\\"', '"') for word in _WORD.finditer(text)]
    best = max(_SEPARATORS, key=text.count)
    return text.split(best) if best in text else text.split()


def item_text(item: Any) -> str:
    """One item as text: what `${ITEM}` stands for, and the child's parameters when none are given."""
    return "null" if item is None else to_text(item)
