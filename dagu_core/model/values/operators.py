"""The parameter operators of a shell: `${NAME:-word}`, `${NAME%pattern}`, `$((1+2))`."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Awaitable, Callable
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.model.values.scope import Scope

_DEFAULTS = re.compile(r"(:?)([-=+?])(.*)", re.DOTALL)
_SLICE = re.compile(r":\s*\(?\s*(-?\d{1,15})\s*\)?\s*(?::\s*(-?\d{1,15})\s*)?")
_TRIM = re.compile(r"(##?|%%?)(.*)", re.DOTALL)
_REPLACE = re.compile(r"/([/#%]?)((?:[^/\\]|\\.)+)(?:/(.*))?", re.DOTALL)
_CASE = re.compile(r"\^\^?|,,?")

_LONGEST = 16_384
_DEEPEST = 30

Word = Callable[[str], Awaitable[str]]


def closing(text: str, start: int, pair: str) -> int | None:
    """Where the second character of `pair` closes what is read from `start` on, if it does.

    Gives up on what nobody writes: very long, or nested very deep.
    """
    depth = 0
    at = start
    while at < min(len(text), start + _LONGEST) and depth <= _DEEPEST:
        if text[at] == "\\":
            at += 1
        elif text[at] == pair[0]:
            depth += 1
        elif text[at] == pair[1]:
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return None


async def operate(name: str, value: str | None, rest: str, word: Word, *, length: bool = False) -> str | None:
    """The value of `${NAME<rest>}` or `${#NAME}`; None when it is unknown or no known operator.

    `word` expands the operand, and is asked only when the operand counts.
    """
    if length:
        return str(len(value)) if value is not None and not rest else None
    if match := _DEFAULTS.fullmatch(rest):
        return await _default(name, value, match, word)
    if value is None:
        return None
    if match := _SLICE.fullmatch(rest):
        return _sliced(value, int(match[1]), int(match[2]) if match[2] else None)
    if match := _TRIM.fullmatch(rest):
        return _trimmed(value, match[1], await word(match[2]))
    if match := _REPLACE.fullmatch(rest):
        return _replaced(value, match[1], await word(match[2]), await word(match[3] or ""))
    if _CASE.fullmatch(rest):
        change = str.upper if rest[0] == "^" else str.lower
        return change(value) if len(rest) == 2 else change(value[:1]) + value[1:]
    return None


async def _default(name: str, value: str | None, match: re.Match[str], word: Word) -> str:
    is_set = value is not None and (value != "" or not match[1])
    match match[2]:
        case "+":
            return await word(match[3]) if is_set else ""
        case "?" if not is_set:
            message = await word(match[3]) or "a value is needed"
            raise Invalid(f"{name}: {message}", hint=f"Give {name} a value.")
        case _:
            return value if is_set and value is not None else await word(match[3])


def _sliced(value: str, start: int, length: int | None) -> str | None:
    begin = start if start >= 0 else len(value) + start
    if begin < 0:
        return ""
    if length is None:
        return value[begin:]
    end = begin + length if length >= 0 else len(value) + length
    return value[begin:end] if end >= begin else None


def _trimmed(value: str, sign: str, pattern: str) -> str:
    pieces = _glob(pattern, greedy=len(sign) == 2)
    if sign[0] == "#":
        match = re.compile("".join(pieces), re.DOTALL).match(value)
        return value[match.end() :] if match else value
    # Read backwards a suffix is a prefix, and every piece matches one character or any number.
    match = re.compile("".join(reversed(pieces)), re.DOTALL).match(value[::-1])
    return value[: len(value) - match.end()] if match else value


def _replaced(value: str, where: str, pattern: str, new: str) -> str:
    glob = "".join(_glob(pattern, greedy=True))
    glob = f"\\A(?:{glob})" if where == "#" else f"(?:{glob})\\Z" if where == "%" else glob
    return re.sub(glob, lambda _: new, value, count=0 if where == "/" else 1, flags=re.DOTALL)


def _glob(pattern: str, *, greedy: bool) -> list[str]:
    """The pieces of a shell pattern as regular expressions."""
    pieces: list[str] = []
    for part in re.finditer(r"\\(.)|\[([!^]?)(\]?[^\]]*)\]|(.)", pattern, re.DOTALL):
        if part[1]:
            pieces.append(re.escape(part[1]))
        elif part[3]:
            inner = re.sub(r"([\\\[\]&|~^])", r"\\\1", part[3])
            pieces.append(f"[{'^' if part[2] else ''}{inner}]")
        elif part[4] == "*":
            pieces.append(".*" if greedy else ".*?")
        else:
            pieces.append("." if part[4] == "?" else re.escape(part[4] or part[0]))
    return pieces


_BINARY: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    ast.Mod: lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def arithmetic(expression: str, scope: Scope) -> int | None:
    """The value of a whole-number expression, or None when it is none; names are looked up."""
    try:
        return _evaluated(ast.parse(expression.strip(), mode="eval").body, scope)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _evaluated(node: Any, scope: Scope) -> int:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return _wrapped(number)
        case ast.Name(id=name):
            return _wrapped(_number(scope.get(name)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluated(operand, scope)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _evaluated(operand, scope)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _wrapped(_BINARY[type(op)](_evaluated(left, scope), _evaluated(right, scope)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _BINARY:
            return int(_BINARY[type(op)](_evaluated(left, scope), _evaluated(right, scope)))
    raise ValueError("not a whole-number expression")


def _number(value: str | None) -> int:
    if value is None:
        raise ValueError("an unknown name")
    return int(value or 0)


def _wrapped(number: int) -> int:
    """`number` in the 64 bits of a shell."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
