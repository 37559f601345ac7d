"""Reading `.env` files."""

from __future__ import annotations

import re

from dagu_core.base.errors import Invalid

_ENTRY = re.compile(
    r"""
    [ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.]*)[ \t]*[=:][ \t]*
    (?: '(?P<single>[^']*)'[ \t]*(?:\#[^\n]*)?(?:\n|\Z)
      | "(?P<double>(?:\\.|[^"\\])*)"[ \t]*(?:\#[^\n]*)?(?:\n|\Z)
      | (?P<bare>[^\n]*)(?:\n|\Z)
    )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"(?:^|[ \t])#.*$")
_ESCAPE_OR_NAME = re.compile(r"\\(.)|\$\{(\w+)\}|\$([A-Za-z_]\w*)", re.DOTALL | re.ASCII)
_NAMED_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_dotenv(text: str) -> list[tuple[str, str]]:
    """The entries of a `.env` file in order.

    `${NAME}` refers to earlier entries of the same file, an unknown one stays as it is. Raises
    Invalid with the number of the first line that is none.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    entries: list[tuple[str, str]] = []
    known: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            continue
        entry = _ENTRY.match(text, at)
        if entry is None:
            line = text.count("\n", 0, at) + 1
            raise Invalid(
                f"line {line} of the dotenv file is not NAME=value", hint="Write NAME=value.", line=line
            )
        known[entry["name"]] = value = _value(entry, known)
        entries.append((entry["name"], value))
        at = entry.end()
    return entries


def _value(entry: re.Match[str], known: dict[str, str]) -> str:
    if entry["single"] is not None:
        return entry["single"]
    if entry["double"] is not None:
        return _filled(entry["double"], known, unescape=True)
    return _filled(_COMMENT.sub("", entry["bare"]).strip(), known, unescape=False)


def _filled(text: str, known: dict[str, str], *, unescape: bool) -> str:
    def one(match: re.Match[str]) -> str:
        if escape := match[1]:
            if escape == "$":
                return "$"
            return _NAMED_ESCAPES.get(escape, escape) if unescape else match[0]
        return known.get(match[2] or match[3], match[0])

    return _ESCAPE_OR_NAME.sub(one, text)
