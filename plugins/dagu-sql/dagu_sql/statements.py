"""Takes a text apart into statements, the way the client of each database would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dagu_sql.tokens import Token, tokens

_DELIMITER = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_ROUTINES = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"})
#: `END IF` and the like close what no BEGIN has opened
_CLOSERS = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `line` is where it begins in the text that `source` names ("" = the step)."""

    tokens: tuple[Token, ...]
    line: int
    source: str = ""

    @property
    def words(self) -> list[str]:
        """All its words outside quotes and comments, in capitals."""
        return [token.text.upper() for token in self.tokens if token.kind == "word"]

    @property
    def verb(self) -> str:
        """Its first word, for people: SELECT, INSERT."""
        return next(iter(self.words), "statement")

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.source else f"line {self.line}"
        return f"{place}, {self.verb}"


@dataclass(slots=True)
class _Nesting:
    """How deep inside BEGIN ... END of a routine we are: semicolons there end nothing."""

    words: list[str] = field(default_factory=list)
    depth: int = 0
    previous: str = ""

    def see(self, token: Token) -> None:
        if token.kind == "word":
            self._word(token.text.upper())
        elif token.kind != "comment" and not token.text.isspace():
            self.previous = ""

    def _word(self, word: str) -> None:
        if len(self.words) < 16 or self.depth:
            self.words.append(word)
        ended, self.previous = self.previous == "END", word
        if self.depth == 0 and not ended:
            if word == "BEGIN" and self.words[:1] == ["CREATE"] and _ROUTINES & set(self.words):
                self.depth = 1
            elif self.words == ["BEGIN", "NOT"]:
                self.depth = 1
        elif ended and word in _CLOSERS:
            self.depth += 1
        elif word == "END":
            self.depth -= 1
        elif word in ("BEGIN", "CASE") and not ended:
            self.depth += 1


def split(text: str, family: str, source: str = "") -> list[Statement]:
    """The statements of `text`, without those that only are comments."""
    found = []
    for part, delimiter, line in _parts(text, family):
        for pieces, at in _pieces(part, family, delimiter):
            if any(token.kind != "comment" and not token.text.isspace() for token in pieces):
                found.append(Statement(tuple(pieces), line + at, source))
    return found


def _pieces(text: str, family: str, delimiter: str) -> Iterator[tuple[list[Token], int]]:
    """(tokens, lines before it) of every statement, blanks in front left out."""
    pieces: list[Token] = []
    nesting, line, start = _Nesting(), 0, 0
    for token in tokens(text, family, delimiter):
        if token.kind == "end" and nesting.depth <= 0:
            yield pieces, start
            pieces, nesting = [], _Nesting()
        elif pieces or not token.text.isspace():
            if not pieces:
                start = line
            pieces.append(token)
            nesting.see(token)
        line += token.text.count("\n")
    while pieces and pieces[-1].text.isspace():
        pieces.pop()
    yield pieces, start


def _parts(text: str, family: str) -> Iterator[tuple[str, str, int]]:
    """(text, delimiter, first line) between the DELIMITER lines of a MySQL script."""
    delimiter, at = ";", 0
    for found in _DELIMITER.finditer(text) if family == "mysql" else ():
        yield text[at : found.start()], delimiter, text.count("\n", 0, at) + 1
        delimiter, at = found[1], found.end()
    yield text[at:], delimiter, text.count("\n", 0, at) + 1
