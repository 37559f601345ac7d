"""What a step gives its step type, judged as far as a file can tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.base.spelling import is_reference
from dagu_core.model.plan.step_types import StepTypeOfFile
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map, locate, plain
from dagu_core.model.spec.refusal import describe
from dagu_core.model.spec.suggest import suggestion
from dagu_core.model.values.json_rules import Broken, broken, is_slow, shown

_WHOLE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z0-9_]+|`[^`]+`")
#: Rules that look at more than the value they stand for.
_COMBINED = frozenset({"anyOf", "oneOf", "not", "contains", "uniqueItems", "if", "const", "enum"})


def with_defaults(given: Map, schema: Any) -> Map:
    """The inputs with the defaults of the schema for what is not given, at every depth."""
    properties = schema.get("properties") if isinstance(schema, Map) else None
    if not isinstance(properties, Map):
        return given
    filled = Map(given.place)
    filled.update(given)
    filled.spots = dict(given.spots)
    for name, rules in properties.items():
        if not isinstance(rules, Map):
            continue
        if name not in filled and "default" in rules:
            filled[name] = rules["default"]
            filled.spots[name] = (*rules.spots["default"][2:], *rules.spots["default"][2:])
        if isinstance(filled.get(name), Map):
            filled[name] = with_defaults(filled[name], rules)
    return filled


def judged(inputs: Map, one: StepTypeOfFile, given: Map, findings: Findings) -> Mapping[str, Any] | None:
    """The schema, when the run must judge the inputs again; None when all of it is known here.

    What is wrong goes into `findings`, with the place of the value.
    """
    hint = f"step type `{one.name}` is defined at {one.where}"
    for name in given:
        if one.names is not None and name not in one.names:
            near = suggestion(name, one.names) or f"known inputs: {', '.join(sorted(one.names)) or 'none'}"
            findings.error(
                f"step type `{one.name}` has no input `{name[:80]}`",
                given.key_place(name),
                code="D003",
                hint=f"{near}; {hint}",
                length=len(name),
            )
    schema: dict[str, Any] = plain(one.schema)
    if not schema:
        return None
    data = plain(inputs)
    try:
        for rule in broken(schema, data):
            if not _waits(rule, data) and not set(rule.unknown) & set(given.keys() if not rule.path else ()):
                place, _ = locate(inputs, rule.path)
                code = "D004" if rule.missing else "D005"
                findings.error(_told(rule, one.name, data), place, code=code, hint=hint)
    except Invalid as error:
        message = f"`inputSchema` of step type `{one.name}`: {error}"
        findings.error(message, inputs.place, code="D005", hint=hint)
    return schema if _has_references(data) or is_slow(schema) else None


def _told(rule: Broken, name: str, data: Any) -> str:
    if rule.missing:
        return f"step type `{name}` needs the input `{shown((*rule.path, rule.missing))}`"
    where = f"`with.{shown(rule.path)}`" if rule.path else "`with`"
    given = f", not {describe(_at(rule.path, data))}" if rule.message.startswith("must be ") else ""
    return f"{where} {rule.message}{given}"


def _at(path: Sequence[str | int], data: Any) -> Any:
    for part in path:
        data = data[part]
    return data


def _waits(rule: Broken, data: Any) -> bool:
    """Whether only the run can tell, because a reference stands there."""
    value = _at(rule.path, data)
    if isinstance(value, str):
        return bool(_WHOLE.fullmatch(value.strip())) or (is_reference(value) and rule.keyword != "type")
    return rule.keyword in _COMBINED and _has_references(value)


def _has_references(data: Any) -> bool:
    if isinstance(data, Mapping):
        return any(map(_has_references, data.values()))
    if isinstance(data, list):
        return any(map(_has_references, data))
    return is_reference(data)
