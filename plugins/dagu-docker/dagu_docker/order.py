"""What the process that does the work is told: plain data, made by the engine's side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

#: label -> what it is for: found again by `ATTEMPT`, shared by the steps of one run through `RUN`
ATTEMPT = "dagu.attempt"
RUN = "dagu.run-key"

#: the keys of docker.policy
PRIVILEGED, HOST_NETWORK, HOST_MOUNTS = "privileged", "hostNetwork", "hostMounts"

#: fresh: one command, a container of its own. kept: a container of its own for several commands.
#: shared: the container of the DAG. existing: somebody else's. either: existing, else fresh.
Target = Literal["fresh", "kept", "shared", "existing", "either"]


@dataclass(frozen=True)
class Build:
    """How to build an image; `context` is absolute, `timeout` in seconds (0 = none), `secrets` are
    values by id."""

    context: str
    dockerfile: str
    inline: str
    args: dict[str, str]
    target: str
    tags: list[str]
    policy: str
    no_cache: bool
    cache_from: list[str]
    inline_cache: bool
    pull: bool
    network: str
    timeout: float
    builder: str
    secrets: dict[str, str]
    repository: str
    max_context: int
    labels: dict[str, str]


@dataclass(frozen=True)
class Order:
    """One attempt. `engine` holds the DOCKER_* variables, `body` what the API is given to create
    the container, `folder` is the attempt's scratch folder, `key` names it
    among all others; `forbidden` are the keys of docker.policy that are false."""

    target: Target
    engine: dict[str, str]
    folder: str
    key: str
    step: str = ""
    name: str = ""
    image: str = ""
    pull: str = "missing"
    platform: str = ""
    build: Build | None = None
    auths: dict[str, dict[str, str]] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    commands: list[list[str]] = field(default_factory=list)
    exec: dict[str, Any] = field(default_factory=dict)
    startup: str = "keepalive"
    wait_for: str = "running"
    log_pattern: str = ""
    run_key: str = ""
    grace: float = 5.0
    reconnect: float = 20.0
    forbidden: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Order:
        """The order that was written as JSON."""
        build = data.pop("build")
        return cls(**data, build=Build(**build) if build else None)
