"""Reads SQL as far as needed to tell text from quotes and comments. Knows each family's habits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from dagu_core.contracts.work import Failed

#: `named` is `:name`, `mark` a `?`, `numbered` `$1`, `reference` `${NAME}`, `escape` `\:` or `\?`
Kind = Literal[
    "comment", "quoted", "body", "end", "named", "mark", "numbered", "reference", "escape", "word", "code"
]

_STANDARD = r"'[^']*(?:''[^']*)*'"
_BACKSLASHED = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'"
_DOUBLE = r'"[^"]*(?:""[^"]*)*"'
_DOUBLE_BACKSLASHED = r'"[^"\\]*(?:(?:\\.|"")[^"\\]*)*"'
_BACKTICK = r"`[^`]*(?:``[^`]*)*`"
_BRACKETS = r"\[[^\]]*\]"

_QUOTES = {
    "postgresql": (r"[eE]" + _BACKSLASHED, _STANDARD, _DOUBLE),
    "mysql": (_BACKSLASHED, _DOUBLE_BACKSLASHED, _BACKTICK),
    "sqlite": (_STANDARD, _DOUBLE, _BACKTICK, _BRACKETS),
}
_LINE_COMMENT = {"mysql": r"--(?=\s|\Z)[^\n]*|\#[^\n]*"}
#: what begins something that must end; seen only when the end was not found
_OPEN = {
    "postgresql": r"""['"]|/\*|\$(?:[^\W\d]\w*)?\$""",
    "mysql": r"""['"`]|/\*""",
    "sqlite": r"""['"`\[]|/\*""",
}
_NESTED = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL; the pieces of a text joined are the text."""

    kind: Kind
    text: str


@cache
def _grammar(family: str, delimiter: str) -> re.Pattern[str]:
    body = r"(?P<dollar>\$(?:[^\W\d]\w*)?\$).*?(?P=dollar)" if family == "postgresql" else r"(?!)"
    groups = {
        "comment": _LINE_COMMENT.get(family, r"--[^\n]*") + r"|/\*.*?\*/",
        "body": body,
        "quoted": "|".join(_QUOTES.get(family, (_STANDARD, _DOUBLE))),
        "open": _OPEN.get(family, r"""['"]|/\*"""),
        "end": re.escape(delimiter),
        "escape": r"\\[:?]",
        "named": r"(?<![\w)\]:]):[^\W\d]\w*",
        "reference": r"\$\{[^}\n]*\}",
        "numbered": r"\$\d+",
        "mark": r"\?",
        "word": r"[^\W\d]\w*",
        "code": r"::|\s+|\d[\w.]*|.",
    }
    return re.compile("|".join(f"(?P<{name}>{each})" for name, each in groups.items()), re.DOTALL)


def tokens(text: str, family: str, delimiter: str = ";") -> Iterator[Token]:
    """The pieces of `text`. Raises Failed for a quote or comment without an end."""
    grammar, at = _grammar(family, delimiter), 0
    while found := grammar.match(text, at):
        kind, end = found.lastgroup, found.end()
        if kind == "comment" and family == "postgresql" and found[0].startswith("/*"):
            end = _nested_end(text, at)
        if kind == "open":
            raise Failed(f"line {line_of(text, at)}: {found[0]} has no end")
        yield Token(kind, text[at:end])  # type: ignore[arg-type]
        at = end


def line_of(text: str, at: int) -> int:
    """The number of the line that holds the character at `at`."""
    return text.count("\n", 0, at) + 1


def _nested_end(text: str, start: int) -> int:
    """Where the comment at `start` ends; in PostgreSQL comments hold comments."""
    depth = 0
    for found in _NESTED.finditer(text, start):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    raise Failed(f"line {line_of(text, start)}: /* has no end")
