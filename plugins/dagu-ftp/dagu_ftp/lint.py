"""Findings about steps that run, but not as safely as they look, or not at all."""

from __future__ import annotations

from dagu_core import Place, Plan, Problem
from dagu_ftp.executor import OPERATIONS

_UNSAFE = {"tlsverify": "certificate", "stricthostkey": "host key"}


def findings(plan: Plan) -> list[Problem]:
    """What is worth a warning about the steps of our types."""
    found, text = [], plan.source.text
    for step in plan.nodes:
        if step.executor not in ("ftp", "ftps", "sftp"):
            continue
        for key, value in step.config.items():
            shown = _UNSAFE.get(key.replace("_", "").lower())
            if shown and value is False:
                message = f"step {step.name}: the {shown} of the server is not checked"
                hint = "anybody on the way can read and change everything"
                place = _place(text, step.name, key)
                found.append(Problem(message, place, "D331", hint, len(key), "warning"))
        word = step.commands[0].strip() if step.commands else ""
        if word and not {"$", "`"} & set(word) and word not in OPERATIONS:
            message = f"step {step.name}: there is no operation `{word}`"
            hint = f"known are {', '.join(OPERATIONS)}"
            place = _place(text, step.name, word)
            found.append(Problem(message, place, "D332", hint, len(word), "warning"))
    return found


def _place(text: str, step: str, word: str) -> Place:
    """Where it stands, as far as can be told: a plan keeps the text, but no places."""
    at = text.find(word, max(text.find(step), 0))
    if at < 0:
        return Place()
    line_start = text.rfind("\n", 0, at) + 1
    return Place(text.count("\n", 0, at) + 1, at - line_start + 1)
