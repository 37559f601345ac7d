"""What can be said about archive steps before they run."""

from __future__ import annotations

from collections.abc import Iterator

from dagu_core import Place, Places, Plan, PlannedStep, Problem

OPERATIONS = ("create", "extract", "list")
#: keys that mean something to some operations only
_ONLY = {
    "stripComponents": ("extract",),
    "preservePaths": ("extract",),
    "overwrite": ("extract",),
    "maxBytes": ("extract", "list"),
    "maxFiles": ("extract", "list"),
    "maxRatio": ("extract", "list"),
    "compressionLevel": ("create",),
    "followSymlinks": ("create",),
    "reproducible": ("create",),
}


def lint(plan: Plan, places: Places) -> list[Problem]:
    """Findings about the archive steps of a plan."""
    return [
        Problem(f"step {step.name}: {text}", place, "W060", length=length, severity="warning")
        for step in plan.nodes
        if step.executor == "archive"
        for text, place, length in _wrong(step, places)
    ]


def _wrong(step: PlannedStep, places: Places) -> Iterator[tuple[str, Place, int]]:
    """(what is wrong, where, how long that is)"""
    operation = step.commands[0].strip() if step.commands else ""
    given = {key.replace("_", "").lower(): key for key in step.config}
    if "$" in operation or "`" in operation:
        return
    if operation not in OPERATIONS:
        text = f"there is no operation {operation!r}; `command` is one of {', '.join(OPERATIONS)}"
        yield text, places.value("command", step=step), len(operation) or 1
        return
    if operation == "create" and not given.keys() & {"destination", "dryrun"}:
        yield "create needs `destination`", places.key("config", step=step), 1
        return
    for key, operations in _ONLY.items():
        if (written := given.get(key.lower())) and operation not in operations:
            yield (
                f"`{key}` means nothing to {operation}",
                places.key("config", written, step=step),
                len(written),
            )
