"""What is worth a warning although it runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from dagu_core import Place, Places, Plan, PlannedStep, Problem
from dagu_sql.executor import MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor

_TYPES = frozenset(
    word
    for part in (SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)
    for word in (part.name, *part.aliases)
)
_REFERENCE = re.compile(r"\$\{[^}\n]*\}")


def references_in_sql(plan: Plan, places: Places) -> list[Problem]:
    """D321: text that is put into a statement instead of being bound."""
    return [
        Problem(
            f"step {step.name}: {found} becomes part of the SQL text",
            place,
            code="D321",
            hint=f'bind it: write :name and `params: {{name: "{found}"}}`',
            length=len(found),
            severity="warning",
        )
        for step in plan.nodes
        if step.executor in _TYPES
        for found, place in _references(step, places)
    ]


def _references(step: PlannedStep, places: Places) -> Iterator[tuple[str, Place]]:
    """Each reference of the statements, and where it stands."""
    texts: list[tuple[str, tuple[str | int, ...]]] = [
        (text, ("command", number)) for number, text in enumerate(step.commands)
    ]
    for text, path in [*texts, (step.script, ("script",))]:
        seen: Counter[str] = Counter()
        for found in _REFERENCE.findall(text):
            yield found, places.text(found, *path, step=step, nth=seen[found])
            seen[found] += 1
