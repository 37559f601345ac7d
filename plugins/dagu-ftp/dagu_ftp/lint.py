"""Findings about steps that run, but not as safely as they look, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagu_core import Place, Plan, Problem
from dagu_ftp.executor import OPERATIONS

_TYPES = ("ftp", "ftps", "sftp")
_UNSAFE = {"tlsverify": "certificate", "stricthostkey": "host key"}


def findings(plan: Plan) -> list[Problem]:
    """What is worth a warning about the steps and triggers of our types."""
    found: list[Problem] = []
    text = plan.source.text
    for entry in plan.schedule.triggers:
        if entry.kind in _TYPES:
            found += _unchecked(f"trigger {entry.text}", entry.config, text, "triggers")
    for step in plan.nodes:
        if step.executor not in _TYPES:
            continue
        found += _unchecked(f"step {step.name}", step.config, text, step.name)
        word = step.commands[0].strip() if step.commands else ""
        if word and not {"$", "`"} & set(word) and word not in OPERATIONS:
            message = f"step {step.name}: there is no operation `{word}`"
            hint = f"known are {', '.join(OPERATIONS)}"
            place = _place(text, step.name, word)
            found.append(Problem(message, place, "D332", hint, len(word), "warning"))
    return found


def _unchecked(who: str, config: Mapping[str, Any], text: str, after: str) -> Iterator[Problem]:
    for key, value in config.items():
        shown = _UNSAFE.get(key.replace("_", "").lower())
        if shown and value is False:
            message = f"{who}: the {shown} of the server is not checked"
            hint = "anybody on the way can read and change everything"
            yield Problem(message, _place(text, after, key), "D331", hint, len(key), "warning")


def _place(text: str, after: str, word: str) -> Place:
    """Where it stands, as far as can be told: a plan keeps the text, but no places."""
    at = text.find(word, max(text.find(after), 0))
    if at < 0:
        return Place()
    line_start = text.rfind("\n", 0, at) + 1
    return Place(text.count("\n", 0, at) + 1, at - line_start + 1)
