"""`dagu validate`: every problem of a DAG file at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.places import InvalidDefinition, Problem
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option
from dagu_core.cli.output import as_json, say, tell

if TYPE_CHECKING:
    from dagu_core.model.plan.definition import Definition


@click.command("validate", short_help="Check a DAG file and list all its problems.")
@dag_argument()
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, in_json: bool) -> int:
    """Check a DAG without running it; all its problems are listed, each with its place.

    Exit code 0 when it is valid (warnings do not count), 1 when it is not, 3 when there is none.
    """

    path, valid = str(invocation.dags.resolve(dag)), True
    problems: Sequence[Problem]
    try:
        definition = invocation.dags.read(dag)
        queues = _queues(invocation, definition)
        problems, valid = [*definition.warnings, *queues], not queues
    except InvalidDefinition as error:
        path, problems, valid = error.file or path, error.problems, False
    if in_json:
        shown = [shape(path, problem) for problem in problems]
        say(as_json({"file": path, "valid": valid, "problems": shown}))
    elif not valid:
        tell(f"Validation failed for {dag}")
        tell("\n".join(bullet(path, problem) for problem in problems))
    elif not invocation.quiet:
        for problem in problems:
            tell(problem.render(path, _text(path)))
        say(f"{dag} is valid")
    return 0 if valid else 1


def _queues(invocation: Invocation, definition: Definition) -> list[Problem]:
    settings = invocation.settings.queues
    if not settings.strict:
        return []
    from dagu_core.app.queue_names import unknown_queues

    documents = zip(definition.plans, definition.places, strict=True)
    return [found for plan, places in documents for found in unknown_queues(plan, places, settings)]


def bullet(path: str, problem: Problem) -> str:
    """`- file:line:col: severity CODE message`, the source line, the hint."""
    first, *rest = problem.render(path, _text(path)).splitlines()
    return "\n".join([f"- {first}", *(f"  {line}" for line in rest)])


def shape(path: str, problem: Problem) -> dict[str, Any]:
    """One problem as JSON data."""
    return {
        "file": problem.place.file or path,
        "line": problem.place.line,
        "column": problem.place.column,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
