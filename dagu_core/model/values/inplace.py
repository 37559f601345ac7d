"""Replacing references by their values, where no shell will look at the text first."""

from __future__ import annotations

import re

from dagu_core.model.values import references
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.text import escaped

_IN_PLACE = re.compile(
    r"(?P<kept>\\\$)"
    r'|"\$\{(?P<quoted>[A-Za-z0-9_][A-Za-z0-9_-]*)(?P<quoted_path>\.[^}\n]{1,1000})?\}"'
    r"|\$\{(?P<braced>[A-Za-z0-9_][A-Za-z0-9_-]*)(?P<path>\.[^}\n]{1,1000})?\}"
    rf"|\$(?P<bare>[A-Za-z0-9_]+)(?P<bare_path>{references.BARE_PATH})?"
)


def in_place(text: str, scope: Scope) -> str:
    """`text` for another interpreter: references to variables of the run are replaced by values.

    `$1`, unknown names and a plain reference that touches a `'` stay. An exact `"${NAME}"` gets
    the value with backslash escapes, so it stays one string literal.
    """

    def fill(match: re.Match[str]) -> str:
        if match["kept"]:
            return match[0]
        if match["quoted"]:
            value = _value(match["quoted"], match["quoted_path"], scope)
            return match[0] if value is None else f'"{escaped(value)}"'
        if match["braced"]:
            value = None if _touches(match) else _value(match["braced"], match["path"], scope)
            return match[0] if value is None else value
        name, path = match["bare"], match["bare_path"] or ""
        if path and (value := _value(name, path, scope)) is not None:
            return value
        value = None if _touches(match) else _value(name, "", scope)
        return match[0] if value is None else value + path

    return _IN_PLACE.sub(fill, text)


def _touches(match: re.Match[str]) -> bool:
    text, start, end = match.string, match.start(), match.end()
    return not match["path"] and "'" in (text[max(0, start - 1) : start], text[end : end + 1])


def _value(name: str, path: str | None, scope: Scope) -> str | None:
    if path:
        return references.dotted(name, path, scope)
    return None if name.isdecimal() else scope.in_code(name)
