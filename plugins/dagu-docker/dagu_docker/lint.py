"""What can be said about containers before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagu_core import Plan, Problem

_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def problems(plan: Plan) -> list[Problem]:
    """Secrets that would end up in an image, and build contexts that are not there."""
    secrets = {secret.name for secret in plan.secrets}
    found = []
    for where, build in _builds(plan):
        args = build.get("args")
        for name, value in (args if isinstance(args, Mapping) else {}).items():
            for secret in sorted(secrets & set(_NAME.findall(str(value)))):
                message = (
                    f"{where}build.args.{name}: the secret {secret} would be readable in the image's history"
                )
                hint = "pass it to the container with `env`, not to the build"
                found.append(Problem(message, code="D151", hint=hint))
        context = str(build.get("context", "."))
        if plan.source.path and not plan.working_dir and "$" not in context:
            folder = os.path.normpath(Path(plan.source.path).parent / Path(context).expanduser())
            if not os.path.isdir(folder):
                message = f"{where}build.context: there is no folder {folder}"
                found.append(Problem(message, code="D014", severity="warning"))
    return found


def _builds(plan: Plan) -> Iterator[tuple[str, Mapping[str, Any]]]:
    holders: list[tuple[str, Any]] = [("container.", plan.fields.get("container"))]
    for node in plan.nodes:
        holders.append((f"step {node.name}: container.", node.extras.get("container")))
        if node.executor in ("docker", "container"):
            holders.append((f"step {node.name}: config.", node.config))
    for where, holder in holders:
        build = holder.get("build") if isinstance(holder, Mapping) else None
        if isinstance(build, str):
            yield where, {"context": build}
        elif isinstance(build, Mapping):
            yield where, build
