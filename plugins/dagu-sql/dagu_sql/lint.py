"""What is worth a warning although it runs."""

from __future__ import annotations

import re

from dagu_core import Place, Plan, PlannedStep, Problem
from dagu_sql.executor import MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor

_TYPES = frozenset(
    word
    for part in (SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)
    for word in (part.name, *part.aliases)
)
_REFERENCE = re.compile(r"\$\{[^}\n]*\}")


def references_in_sql(plan: Plan) -> list[Problem]:
    """D321: text that is put into a statement instead of being bound."""
    return [
        Problem(
            f"step {step.name}: {found[0]} becomes part of the SQL text",
            _place(plan, line, found),
            code="D321",
            hint=f'bind it: write :name and `params: {{name: "{found[0]}"}}`',
            length=len(found[0]),
            severity="warning",
        )
        for step in plan.nodes
        if step.executor in _TYPES
        for line in _lines(step)
        for found in _REFERENCE.finditer(line)
    ]


def _lines(step: PlannedStep) -> list[str]:
    return [line for text in (*step.commands, step.script) for line in text.splitlines()]


def _place(plan: Plan, line: str, found: re.Match[str]) -> Place:
    """Where it stands in the file: a plan keeps no places, but the lines of SQL are there as written."""
    for number, each in enumerate(plan.source.text.splitlines(), 1):
        if (at := each.find(line)) >= 0:
            return Place(number, at + found.start() + 1)
    return Place()
