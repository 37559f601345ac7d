"""What can be said about containers before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dagu_core import Places, Plan, PlannedStep, Problem, Settings
from dagu_docker.raw import folded
from dagu_docker.written import under

_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_HINT = "pass it with `buildSecrets` and `builder: buildkit`, or to the container with `env`"


class _Build(NamedTuple):
    """What stands under a key `build`: of which step (None: the DAG), where, and with which variables."""

    step: PlannedStep | None
    holder: str
    keys: Mapping[str, Any]
    env: Iterable[Any]

    @property
    def where(self) -> str:
        return f"step {self.step.name}: {self.holder}." if self.step is not None else f"{self.holder}."


def problems(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    """Steps that cannot or may not run, secrets that would stand in an image, contexts that are not there."""
    found = list(_without_sense(plan, places))
    if settings is not None:
        from dagu_docker.forbidden import forbidden

        found += forbidden(plan, settings, places)
    for build in _builds(plan):
        secrets = _secret_names(plan, build.env)
        for path, text in _readable(build.keys):
            for secret in sorted({secrets[name] for name in _NAME.findall(text) if name in secrets}):
                key = f"{build.where}build.{'.'.join(path)}"
                message = f"{key}: the secret {secret} would be readable in the image's history"
                place = places.value(build.holder, "build", *path, step=build.step)
                found.append(Problem(message, place, "D151", _HINT))
        context = str(under(build.keys, "context") or ".")
        if plan.source.path and "$" not in context and "`" not in context:
            folder = os.path.normpath(Path(plan.source.path).parent / os.path.expanduser(context))
            if not os.path.isdir(folder):
                message = f"{build.where}build.context: there is no folder {folder}"
                place = places.value(build.holder, "build", "context", step=build.step)
                found.append(Problem(message, place, "D152", severity="warning"))
    return found


def _without_sense(plan: Plan, places: Places) -> Iterator[Problem]:
    """Steps whose keys are right one by one, and wrong together."""
    of_dag = plan.fields.get("container")
    for node in plan.nodes:
        if node.executor not in ("docker", "container"):
            continue
        own = node.extras.get("container")
        if own is not None and node.config:
            message, code = "has either `container` or `config`, not both", "D012"
        elif own is None and of_dag is None and not node.config:
            message, code = "needs `container`, or `config` with `image` or `containerName`", "D004"
        elif not (node.commands or node.exec or node.config) and (own is None or _works_inside(own)):
            message, code = "works in a container that runs already, so it needs a command", "D004"
        else:
            continue
        yield Problem(f"step {node.name}: a docker step {message}", places.key(step=node), code)


def _works_inside(container: Any) -> bool:
    return isinstance(container, str) or bool(under(container, "exec"))


def _builds(plan: Plan) -> Iterator[_Build]:
    holders: list[tuple[PlannedStep | None, str, Any]] = [(None, "container", plan.fields.get("container"))]
    for node in plan.nodes:
        holders.append((node, "container", node.extras.get("container")))
        if node.executor in ("docker", "container"):
            holders.append((node, "config", node.config))
    for step, holder, written in holders:
        build = under(written, "build")
        env = step.env if step is not None else ()
        if isinstance(build, str):
            yield _Build(step, holder, {"context": build}, env)
        elif isinstance(build, Mapping):
            yield _Build(step, holder, build, env)


def _secret_names(plan: Plan, env: Iterable[Any]) -> dict[str, str]:
    """The secret behind each name that stands for one, also through variables made of it."""
    found = {secret.name: secret.name for secret in plan.secrets}
    for entry in (*plan.env, *env):
        for name in _NAME.findall(str(entry.value)):
            if name in found:
                found.setdefault(entry.name, found[name])
    return found


def _readable(build: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, text) of everything that can be read in an image or by its name."""
    for key, value in build.items():
        if isinstance(value, Mapping) and folded(key) not in ("buildsecrets", "secrets"):
            yield from (((key, name), str(each)) for name, each in value.items())
        elif isinstance(value, str):
            yield (key,), value
