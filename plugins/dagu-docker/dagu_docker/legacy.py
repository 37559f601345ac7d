"""`config` of a step of type `docker`, as the API wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu_docker.config import DockerConfig

_EXEC = {"user": "user", "workingDir": "workdir", "privileged": "privileged"}
#: what the engine decides, so that output is kept apart and the end is seen
_OURS = frozenset(
    {"AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "AutoRemove"}
)


def legacy_body(config: DockerConfig, env: Mapping[str, str], binds: list[str]) -> dict[str, Any]:
    """What the API is given to create the container."""
    body, host = (
        {k: v for k, v in each.items() if k not in _OURS} for each in (config.container, config.host)
    )
    given = {entry.partition("=")[0] for entry in body.get("Env") or ()}
    body["Env"] = [
        *(f"{name}={value}" for name, value in env.items() if name not in given),
        *(body.get("Env") or ()),
    ]
    body["Image"] = config.image
    if config.working_dir:
        body["WorkingDir"] = config.working_dir
    host.setdefault("Init", True)
    host["Binds"] = [*(host.get("Binds") or ()), *binds]
    return {**body, "HostConfig": host, "NetworkingConfig": config.network}


def legacy_exec(options: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """How a command is run in a container that is there."""
    given = options.get("env") or ()
    entries = [f"{n}={v}" for n, v in given.items()] if isinstance(given, Mapping) else list(given)
    own = dict(str(entry).split("=", 1) for entry in entries if "=" in str(entry))
    found: dict[str, Any] = {"environment": {**env, **own}}
    return found | {word: options[name] for name, word in _EXEC.items() if name in options}
