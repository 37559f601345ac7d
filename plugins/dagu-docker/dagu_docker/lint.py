"""What can be said about containers before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dagu_core import Plan, Problem

_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_HINT = "pass it with `buildSecrets` and `builder: buildkit`, or to the container with `env`"


def problems(plan: Plan) -> list[Problem]:
    """Secrets that would end up in an image, and build contexts that are not there."""
    found = []
    for where, build, env in _builds(plan):
        secrets = _secret_names(plan, env)
        for key, text in _readable(build):
            for secret in sorted({secrets[name] for name in _NAME.findall(text) if name in secrets}):
                message = f"{where}build.{key}: the secret {secret} would be readable in the image's history"
                found.append(Problem(message, code="D151", hint=_HINT))
        context = str(_under(build, "context") or ".")
        if plan.source.path and not plan.working_dir and "$" not in context:
            folder = os.path.normpath(Path(plan.source.path).parent / Path(context).expanduser())
            if not os.path.isdir(folder):
                message = f"{where}build.context: there is no folder {folder}"
                found.append(Problem(message, code="D152", severity="warning"))
    return found


def _builds(plan: Plan) -> Iterator[tuple[str, Mapping[str, Any], Iterable[Any]]]:
    """(where, what stands under `build`, the variables of the step)."""
    holders: list[tuple[str, Any, Iterable[Any]]] = [("container.", plan.fields.get("container"), ())]
    for node in plan.nodes:
        holders.append((f"step {node.name}: container.", node.extras.get("container"), node.env))
        if node.executor in ("docker", "container"):
            holders.append((f"step {node.name}: config.", node.config, node.env))
    for where, holder, env in holders:
        build = _under(holder, "build")
        if isinstance(build, str):
            yield where, {"context": build}, env
        elif isinstance(build, Mapping):
            yield where, build, env


def _secret_names(plan: Plan, env: Iterable[Any]) -> dict[str, str]:
    """The secret behind each name that stands for one, also through variables made of it."""
    found = {secret.name: secret.name for secret in plan.secrets}
    for entry in (*plan.env, *env):
        for name in _NAME.findall(str(entry.value)):
            if name in found:
                found.setdefault(entry.name, found[name])
    return found


def _readable(build: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, text) of everything that can be read in an image or by its name."""
    for key, value in build.items():
        if isinstance(value, Mapping) and _folded(key) not in ("buildsecrets", "secrets"):
            yield from ((f"{key}.{name}", str(each)) for name, each in value.items())
        elif isinstance(value, str):
            yield key, value


def _under(holder: Any, word: str) -> Any:
    """What stands under a key, however it is spelled."""
    entries = holder.items() if isinstance(holder, Mapping) else ()
    return next((value for key, value in entries if _folded(key) == word), None)


def _folded(key: Any) -> str:
    return str(key).replace("_", "").lower()
