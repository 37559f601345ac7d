"""Findings about steps that run, but not as safely as they look, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from dagu_core import Place, Places, Plan, Problem
from dagu_ftp.executor import OPERATIONS

_TYPES = ("ftp", "ftps", "sftp")
_UNSAFE = {"tlsverify": "certificate", "stricthostkey": "host key"}


def findings(plan: Plan, places: Places) -> list[Problem]:
    """What is worth a warning about the steps and triggers of our types."""
    found: list[Problem] = []
    for index, entry in enumerate(plan.schedule.triggers):
        if entry.kind in _TYPES:
            where = partial(places.key, "triggers", index)
            found += _unchecked(f"trigger {entry.text}", entry.config, where)
    for step in plan.nodes:
        if step.executor not in _TYPES:
            continue
        found += _unchecked(f"step {step.name}", step.config, partial(places.key, "config", step=step))
        word = step.commands[0].strip() if step.commands else ""
        if word and not {"$", "`"} & set(word) and word not in OPERATIONS:
            message = f"step {step.name}: there is no operation `{word}`"
            hint = f"known are {', '.join(OPERATIONS)}"
            place = places.value("command", step=step)
            found.append(Problem(message, place, "D332", hint, len(word), "warning"))
    return found


def _unchecked(who: str, config: Mapping[str, Any], where: Callable[[str], Place]) -> Iterator[Problem]:
    for key, value in config.items():
        shown = _UNSAFE.get(key.replace("_", "").lower())
        if shown and value is False:
            message = f"{who}: the {shown} of the server is not checked"
            hint = "anybody on the way can read and change everything"
            yield Problem(message, where(key), "D331", hint, len(key), "warning")
