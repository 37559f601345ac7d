"""How references are written, and what the dotted ones stand for."""

from __future__ import annotations

import re

from dagu_core.model.values.jsonpath import select
from dagu_core.model.values.scope import Scope

NAME = r"[A-Za-z0-9_]+"
#: `${NAME}` -> name
PLAIN_BRACED = re.compile(rf"\$\{{({NAME})\}}")
#: `${NAME.path}` -> name, path with its dot; a step id may hold `-`
DOTTED_BRACED = re.compile(r"\$\{([A-Za-z0-9_][A-Za-z0-9_-]*)(\.[^}\n]{1,1000})\}")
#: `${a name}` -> name, where only one that is known counts
ODD_BRACED = re.compile(r"\$\{([^{}$`\"'\n]{1,200})\}")
#: `$NAME` -> name
PLAIN_BARE = re.compile(rf"\$({NAME})")
#: the path in `$NAME.path`; it ends where it stops looking like one
BARE_PATH = r"""(?=\.)(?:\.[A-Za-z_][A-Za-z0-9_]*|\."[^"\n]*"|\[-?\d+\]|\["[^"\n]*"\])+(?::\d+){0,2}"""
#: `$NAME.path` -> name, path
DOTTED_BARE = re.compile(rf"\$({NAME})({BARE_PATH})")
#: a backtick span -> the text between
BACKTICKS = re.compile(r"`((?:[^`\\]|\\.)+)`", re.DOTALL)

_FACT = re.compile(r"\.(stdout\.text|stderr\.text|stdout|stderr|exitCode|exit_code)(?::(\d+)(?::(\d+))?)?")


def dotted(name: str, path: str, scope: Scope) -> str | None:
    """What `${name.path}` stands for: a fact about a step, or a value inside the JSON text that
    `name` holds. None when it cannot be told; the reference is then kept."""
    if name in scope.steps and (fact := _FACT.fullmatch(path)):
        return _fact(name, fact, scope)
    value = scope.get(name)
    return None if value is None else select(value, path)


def _fact(name: str, fact: re.Match[str], scope: Scope) -> str | None:
    facts = scope.steps[name]
    stream, _, text = fact[1].partition(".")
    if stream in ("exitCode", "exit_code"):
        value = str(facts.exit_code)
    else:
        value = facts.stdout if stream == "stdout" else facts.stderr
    if text:
        try:
            with open(value, encoding="utf-8", errors="replace") as log:
                value = log.read().strip()
        except OSError:
            return None
    if fact[2] is None:
        return value
    start = int(fact[2])
    if start > len(value):
        return None
    return value[start:] if fact[3] is None else value[start : start + int(fact[3])]
