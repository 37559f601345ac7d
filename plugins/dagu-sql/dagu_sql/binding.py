"""Values for statements: parameters are bound by the driver, references may not change a statement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dagu_core.contracts.work import Failed
from dagu_sql.statements import Statement
from dagu_sql.tokens import Token

Params: TypeAlias = Mapping[str, Any] | Sequence[Any] | None

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: what a reference outside quotes may become: names and numbers, or a list of them
_ITEM = r"-?\w+(?:\.\w+)*"
_HARMLESS = re.compile(rf"{_ITEM}(?:\s*,\s*{_ITEM})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the driver gets for a statement; no values = the text is taken as it is."""

    statement: Statement
    sql: str
    values: tuple[Any, ...] | dict[str, Any] | None = None


def bind(statements: Sequence[Statement], params: Params, style: str, family: str) -> list[Bound]:
    """Statements in the words of a driver of the given `paramstyle`.

    Raises Failed when a parameter has no value, or a value no parameter.
    """
    binder = _Binder(params, style, family, statements)
    bound = [binder.bind(each) for each in statements]
    binder.finish()
    return bound


def fill_in(statements: Sequence[Statement], values: Mapping[str, str], params: Params) -> list[Statement]:
    """Put the values of `${NAME}` into the texts; what would change a statement's sense is refused.

    Where parameters are used no reference is replaced: one outside quotes is then a mistake.
    """
    return [
        Statement(
            tuple(_filled(token, values, params, each) for token in each.tokens), each.line, each.source
        )
        for each in statements
    ]


def _filled(token: Token, values: Mapping[str, str], params: Params, where: Statement) -> Token:
    if token.kind == "quoted" and params is None and "${" in token.text:
        quote = token.text[-1]

        def inside(found: re.Match[str]) -> str:
            value = values.get(found[1])
            if value is None:
                return found[0]
            if quote in value or "\\" in value or "\0" in value:
                raise _refused(found[0], "a quote or backslash", where)
            return value

        return Token("quoted", _REFERENCE.sub(inside, token.text))
    if token.kind != "reference":
        return token
    found = _REFERENCE.fullmatch(token.text)
    if params is not None:
        raise Failed(
            f"{where}: {token.text} is not replaced where `params` are used; "
            "bind it too: write :name, and its value in `params`"
        )
    if found is None or found[1] not in values:
        raise Failed(
            f"{where}: there is no value for {token.text}; only ${{NAME}} of a variable can stand here"
        )
    if not _HARMLESS.fullmatch(values[found[1]]):
        raise _refused(token.text, "more than names and numbers", where)
    return Token("word", values[found[1]])


def _refused(reference: str, what: str, where: Statement) -> Failed:
    return Failed(
        f"{where}: the value of {reference} holds {what} and would change the statement; nothing was run. "
        "Bind it: write :name, and its value in `params`"
    )


def mark(style: str, number: int) -> str:
    """How a driver of the given `paramstyle` writes its `number`-th value."""
    marks = {"qmark": "?", "numeric": f":{number}", "numeric_dollar": f"${number}", "named": f":p{number}"}
    return marks.get(style, "%s")


def packed(style: str, values: Sequence[Any]) -> tuple[Any, ...] | dict[str, Any]:
    """Values as such a driver wants them."""
    if style == "named":
        return {f"p{number}": value for number, value in enumerate(values, 1)}
    return tuple(values)


class _Binder:
    def __init__(self, params: Params, style: str, family: str, statements: Sequence[Statement]) -> None:
        self.params = params if params is not None else {}
        self.family, self.style = family, style
        self.used: set[str | int] = set()
        self.next = 0
        kinds = {token.kind for each in statements for token in each.tokens}
        is_list = not isinstance(self.params, Mapping)
        #: with $1 in the text a question mark is an operator of PostgreSQL
        self.numbered = is_list and "numbered" in kinds
        self.marks = is_list and not self.numbered

    def bind(self, statement: Statement) -> Bound:
        values: list[Any] = []
        pieces: list[str] = []
        for token in statement.tokens:
            key = self._key(token)
            if key is None:
                pieces.append(token.text[1:] if token.kind == "escape" else token.text)
                continue
            values.append(_adapted(self._value(key, statement), self.family))
            pieces.append("\0")
        if not values:
            return Bound(statement, "".join(pieces))
        return Bound(statement, *self._styled(pieces, values))

    def finish(self) -> None:
        """Complain about values nobody asked for."""
        have = set(self.params) if isinstance(self.params, Mapping) else set(range(len(self.params)))
        if surplus := have - self.used:
            names = sorted(f":{key}" if isinstance(key, str) else f"number {key + 1}" for key in surplus)
            raise Failed(f"no statement uses the parameter {', '.join(names)}")

    def _key(self, token: Token) -> str | int | None:
        if token.kind == "named" and isinstance(self.params, Mapping):
            return token.text[1:]
        if token.kind == "numbered" and self.numbered:
            return int(token.text[1:]) - 1
        if token.kind == "mark" and self.marks:
            self.next += 1
            return self.next - 1
        return None

    def _value(self, key: str | int, statement: Statement) -> Any:
        self.used.add(key)
        if isinstance(self.params, Mapping):
            if key not in self.params:
                raise Failed(f"{statement}: the parameter :{key} has no value; give it in `params`")
            return self.params[str(key)]
        if not 0 <= int(key) < len(self.params):
            raise Failed(f"{statement}: there is no value number {int(key) + 1}; give it in `params`")
        return self.params[int(key)]

    def _styled(self, pieces: list[str], values: list[Any]) -> tuple[str, tuple[Any, ...] | dict[str, Any]]:
        percent = self.style in ("format", "pyformat")
        text, number = [], 0
        for piece in pieces:
            if piece == "\0":
                number += 1
                text.append(mark(self.style, number))
            else:
                text.append(piece.replace("%", "%%") if percent else piece)
        return "".join(text), packed(self.style, values)


def _adapted(value: Any, family: str) -> Any:
    """A value as the driver takes it: mappings as JSON, lists as arrays where there are any."""
    if isinstance(value, dict) or (isinstance(value, list) and family != "postgresql"):
        return json.dumps(value, ensure_ascii=False)
    return value
