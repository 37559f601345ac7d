"""What can be said about archive steps before they run."""

from __future__ import annotations

from dagu_core import Plan, Problem

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


def lint(plan: Plan) -> list[Problem]:
    """Findings about the archive steps of a plan."""
    found: list[Problem] = []
    for step in plan.nodes:
        if step.executor == "archive":
            operation = step.commands[0].strip() if step.commands else ""
            given = {key.replace("_", "").lower() for key in step.config}
            found += [_warning(f"step {step.name}: {text}") for text in _wrong(operation, given)]
    return found


def _wrong(operation: str, given: set[str]) -> list[str]:
    if "$" in operation or "`" in operation:
        return []
    if operation not in OPERATIONS:
        return [f"there is no operation {operation!r}; `command` is one of {', '.join(OPERATIONS)}"]
    if operation == "create" and not given & {"destination", "dryrun"}:
        return ["create needs `destination`"]
    return [
        f"`{key}` means nothing to {operation}"
        for key, operations in _ONLY.items()
        if key.lower() in given and operation not in operations
    ]


def _warning(message: str) -> Problem:
    return Problem(message, code="W060", severity="warning")
