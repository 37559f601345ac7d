"""How keys and references are written in files."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z0-9_]+|`[^`]+`")


def fold(key: str) -> str:
    """The spelling-free form of a key: `maxActiveRuns`, `max_active_runs` and `MAXACTIVERUNS`
    are one key."""
    return key.replace("_", "").lower()


def camel(name: str) -> str:
    """The key of a field: `max_active_runs` is `maxActiveRuns`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def is_reference(value: object) -> bool:
    """Whether a value stands for another one that only the run knows: `${NAME}`, backticks."""
    return isinstance(value, str) and bool(_REFERENCE.search(value))
