"""Splitting a command line into the words of an argument vector, before anything is filled in.

What a reference stands for is data: it never becomes a second word, and no quote in it counts.
"""

from __future__ import annotations

import re
import shlex
from itertools import groupby

from dagu_core.base.errors import Invalid
from dagu_core.model.values.expand import RunCommand, expand
from dagu_core.model.values.operators import closing
from dagu_core.model.values.references import BACKTICKS
from dagu_core.model.values.scope import Scope

#: a piece of a word, and whether references in it are filled in
Piece = tuple[str, bool]

_PIPES = re.compile(r"\|\|?|&&")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def split_words(line: str) -> list[list[Piece]]:
    """The words of `line`, each in pieces.

    Blanks separate, `'...'` and `"..."` keep together, `|`, `||` and `&&` are words of their own.
    References and backticks stay whole. A backslash takes the meaning from `$` and a backtick, in
    double quotes from a quote as well; any other stays. Raises Invalid for a quote without end.
    """
    words: list[list[Piece]] = []
    word: list[Piece] | None = None
    quote, at = "", 0
    while at < len(line):
        char = line[at]
        if not quote and char.isspace():
            word, at = None, at + 1
            continue
        if not quote and (pipe := _PIPES.match(line, at)):
            words.append([(pipe[0], False)])
            word, at = None, pipe.end()
            continue
        if word is None:
            word = []
            words.append(word)
        if char == quote or (not quote and char in "'\""):
            quote = "" if quote else char
            word.append(("", False))  # '' is a word, too
            at += 1
        elif char == "\\" and (escaped := _escaped(line[at + 1 : at + 2], quote)):
            word.append((escaped, False))
            at += 2
        else:
            end = _whole(line, at)
            word.append((line[at:end], True))
            at = end
    if quote:
        raise Invalid(f"no closing {quote} in the command {line!r}", hint="close it, or write `exec: [...]`")
    return words


async def expand_words(line: str, scope: Scope, run_command: RunCommand | None = None) -> str:
    """`line` with the references in its words filled in; `shlex.split` gives exactly those words."""
    return shlex.join([await _filled(word, scope, run_command) for word in split_words(line)])


async def _filled(word: list[Piece], scope: Scope, run_command: RunCommand | None) -> str:
    parts = []
    for is_template, pieces in groupby(word, key=lambda piece: piece[1]):
        text = "".join(piece for piece, _ in pieces)
        parts.append(await expand(text, scope, run_command) if is_template else text)
    return "".join(parts)


def _escaped(char: str, quote: str) -> str:
    if char in ("$", "`") and quote != "'":
        return char
    return _ESCAPES.get(char, char if char in ('"', "\\") else "") if quote == '"' and char else ""


def _whole(line: str, at: int) -> int:
    """Where what begins at `at` ends: a reference, a command in backticks, or one character."""
    if line[at] == "`" and (span := BACKTICKS.match(line, at)):
        return span.end()
    for opening, pair, beyond in (("$((", "()", 2), ("${", "{}", 1)):
        if line.startswith(opening, at):
            end = closing(line, at + len(opening), pair)
            if end is not None:
                return end + beyond
    return at + 1
