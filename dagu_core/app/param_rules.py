"""The parameters of a definition against their schema, as far as a file can tell before it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagu_core.app.requests import Given
from dagu_core.base.errors import Invalid
from dagu_core.base.places import Problem
from dagu_core.base.spelling import is_reference
from dagu_core.engine.context import working_dir
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Param, Plan
from dagu_core.model.values import param_schema
from dagu_core.model.values.param_schema import BrokenRule
from dagu_core.model.values.params import merge


def problems_of(plan: Plan, places: Places, given: Given | None = None) -> list[Problem]:
    """What is wrong with the schema, and with the defaults that no reference makes the run's affair.

    A default that does not meet the schema is an error when a start uses it, and a warning as long
    as nobody starts: the next start may bring a value of its own.
    """
    if plan.params.schema is None:
        return []
    try:
        schema = _schema(plan, given)
        broken = [] if schema is None else _broken_defaults(plan, schema, given)
    except Invalid as error:
        place = places.value("params", "schema", *error.details.get("path", ()))
        return [Problem(str(error), place, "D005", error.hint)]
    return [
        Problem(
            f"{param_schema.FAILED}: {rule.told}",
            places.value("params", "values", *rule.path),
            "D005",
            "Give parameters that meet the schema." if given else "A start that gives no other is refused.",
            severity="error" if given else "warning",
        )
        for rule in broken
    ]


def check_all(plan: Plan, given: Given) -> None:
    """Raise Invalid when what is given, with the defaults that are known, does not meet the schema."""
    schema = _schema(plan, given)
    if schema is None:
        return
    known, open_names = _known(plan, given.overrides)
    values, filled = param_schema.data_of(schema, list(known.items()))
    broken = [
        rule
        for rule in param_schema.broken_rules(schema, values | filled)
        if rule.missing not in open_names and (rule.path or rule.missing or not open_names)
    ]
    if broken:
        raise param_schema.validation_failed(broken)


def _schema(plan: Plan, given: Given | None) -> Mapping[str, Any] | None:
    """The schema; None when only the run can tell which one it is."""
    schema = plan.params.schema
    if not isinstance(schema, str):
        return schema
    if param_schema.is_url(schema) or is_reference(schema):
        return None
    folders = [Path.cwd(), working_dir(plan, os.environ, given.fallback_dir if given else "")]
    folders += [Path(plan.source.path).parent] if plan.source.path else []
    if is_reference(plan.working_dir) and not any((folder / schema).is_file() for folder in folders):
        return None
    return param_schema.read_schema(schema, folders)


def _broken_defaults(plan: Plan, schema: Mapping[str, Any], given: Given | None) -> list[BrokenRule]:
    known, _ = _known(plan, ())
    mine = known.keys() - {one.name for one in merge((), given.overrides if given else ())}
    values, _ = param_schema.data_of(schema, list(known.items()))
    return [rule for rule in param_schema.broken_rules(schema, values) if rule.path and rule.path[0] in mine]


def _known(plan: Plan, overrides: Sequence[Param]) -> tuple[dict[str, str], set[str]]:
    """The values that are what they will be, by name, and the names of the others."""
    data = {one.name: one.value for one in merge((), overrides)}
    known: dict[str, str] = {}
    open_names: set[str] = set()
    for one in merge(plan.params.defaults, overrides):
        if one.name in data or not (one.command or is_reference(one.value) or one.value.startswith("~")):
            known[one.name] = data.get(one.name, one.value)
        else:
            open_names.add(one.name)
    return known, open_names
