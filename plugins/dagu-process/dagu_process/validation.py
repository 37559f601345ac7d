"""Lets executables judge the steps of a file before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from dagu_core import Places, PlannedStep, PluginError, Problem
from dagu_process.asking import ask
from dagu_process.description import Described
from dagu_process.messages import PROTOCOL


def problems(
    path: Path, steps: Sequence[PlannedStep], described: Mapping[str, Described], places: Places
) -> list[Problem]:
    """What the executable finds about its steps; that it cannot be asked is a warning."""
    questions: list[dict[str, Any]] = []
    asked: list[PlannedStep] = []
    for node in steps:
        model = described[node.executor].config
        try:
            config = model.model_validate(dict(node.config), context={"phase": "read"})
        except ValidationError:
            continue  # told already, with its place
        asked.append(node)
        questions.append(_question(len(questions), node, config, described[node.executor].name))
    if not questions:
        return []
    try:
        answers = ask(path, questions, "validated")
    except PluginError as error:
        hint = "the steps are tried all the same"
        place = places.value("type", step=asked[0])
        return [Problem(f"{path}: {error}", place, "D015", hint, severity="warning")]
    found: list[Problem] = []
    for answer in answers:
        number, listed = answer.get("id"), answer.get("problems", [])
        if not isinstance(number, int) or not 0 <= number < len(asked) or not isinstance(listed, list):
            message = f"{path}: its `validated` has no `id` or `problems` of ours"
            return [Problem(message, places.value("type", step=asked[0]), severity="warning")]
        found += [_problem(asked[number], each, places) for each in listed if isinstance(each, dict)]
    return found


def _question(number: int, node: PlannedStep, config: Any, word: str) -> dict[str, Any]:
    data = config.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    return {
        "type": "validate",
        "protocol": PROTOCOL,
        "id": number,
        "stepType": word,
        "step": node.name,
        "config": data,
        "commands": list(node.commands),
        "script": node.script,
        "open": [key for key, value in data.items() if _is_open(value)],
    }


def _is_open(value: Any) -> bool:
    """Whether a value still holds a reference that only the run replaces."""
    if isinstance(value, dict):
        return any(map(_is_open, value.values()))
    if isinstance(value, list):
        return any(map(_is_open, value))
    return isinstance(value, str) and ("$" in value or "`" in value)


def _problem(node: PlannedStep, said: Mapping[str, Any], places: Places) -> Problem:
    key = said.get("key")
    where = f"step {node.name}: " + (f"config.{key}: " if isinstance(key, str) and key else "")
    severity: Literal["warning", "error"] = "warning" if said.get("severity") == "warning" else "error"
    hint = said.get("hint", "")
    message = f"{where}{str(said.get('message', 'is not valid'))[:1000]}"
    path = ("config", *key.split(".")) if isinstance(key, str) and key else ("config",)
    return Problem(message, places.value(*path, step=node), "D015", str(hint)[:1000], severity=severity)
