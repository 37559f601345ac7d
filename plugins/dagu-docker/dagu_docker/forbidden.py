"""What the operators forbid, as far as a file says it in so many words: told before anything runs.

Whoever runs the step judges again, by what the Docker engine made of it; here nothing is asked but the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dagu_core import Places, Plan, PlannedStep, Problem, Settings
from dagu_docker.order import HOST_MOUNTS, HOST_NETWORK, PRIVILEGED
from dagu_docker.raw import folded
from dagu_docker.settings import DockerPolicy, DockerSettings
from dagu_docker.written import under

# fmt: off
#: what every container may do
USUAL = frozenset(
    (
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    )
)
# fmt: on
#: namespaces that may be those of the host
NAMESPACES = ("PidMode", "IpcMode", "UTSMode", "UsernsMode")
#: what takes away from the protection of the host, whatever is written there
OPENING = ("Devices", "DeviceCgroupRules", "MaskedPaths", "ReadonlyPaths")
_TYPES = ("docker", "container")


class _Said(NamedTuple):
    """Something forbidden: by which key of the policy, what it is, and the path to it under its holder."""

    by: str
    what: str
    path: tuple[str | int, ...]


def forbidden(plan: Plan, settings: Settings, places: Places) -> Iterator[Problem]:
    """Containers that `docker.policy` forbids, and build contexts outside of `docker.buildRoots`."""
    rules = set(settings.section(DockerPolicy).forbidden)
    roots = [
        os.path.realpath(os.path.expanduser(each)) for each in settings.section(DockerSettings).build_roots
    ]
    for step, holder, written in _holders(plan):
        where = f"step {step.name}: {holder}" if step is not None else holder
        for by, what, path in _said(holder, written):
            if by in rules:
                message = f"{where}: docker.policy forbids {what} ({by})"
                yield Problem(message, places.value(holder, *path, step=step), "D153")
        context = context_of(plan, under(written, "build"))
        if context and roots and not any(os.path.commonpath([root, context]) == root for root in roots):
            message = f"{where}.build.context: {context} is outside of docker.buildRoots ({', '.join(roots)})"
            yield Problem(message, places.value(holder, "build", "context", step=step), "D154")


def context_of(plan: Plan, build: Any) -> str:
    """The folder a `build` sends, with its links followed; empty while only the run can know it."""
    context = build if isinstance(build, str) else str(under(build, "context") or ".")
    if build is None or not plan.source.path or not _is_literal(context):
        return ""
    return os.path.realpath(Path(plan.source.path).parent / os.path.expanduser(context))


def _holders(plan: Plan) -> Iterator[tuple[PlannedStep | None, str, Any]]:
    """Everything a container is made from: of which step (None: the DAG), under which key."""
    of_dag = plan.fields.get("container")
    for node in plan.nodes:
        own = node.extras.get("container")
        if own is not None:
            yield node, "container", own
        elif node.config and node.executor in _TYPES:
            yield node, "config", node.config
        elif of_dag is not None and node.executor in _TYPES:
            yield None, "container", of_dag
            of_dag = None  # one is made, whoever is first


def _said(holder: str, written: Any) -> Iterator[_Said]:
    if holder == "config" and under(under(written, "exec"), "privileged") is True:
        yield _Said(PRIVILEGED, "a privileged command", ("exec", "privileged"))
    if under(written, "containername"):
        return  # it may be there already, and is nobody's to judge then
    for index, volume in enumerate(_list(under(written, "volumes"))):
        yield from _bind(volume, ("volumes", index))
    if _is_host(under(under(written, "build"), "network")):
        yield _Said(HOST_NETWORK, "the network host for a build", ("build", "network"))
    network = under(written, "network")
    if _is_host(network) and holder == "container":
        yield _Said(HOST_NETWORK, "the network host", ("network",))
    elif holder == "config":
        if any(_is_host(each) for each in under(network, "endpointsconfig") or ()):
            yield _Said(HOST_NETWORK, "the network host", ("network", "EndpointsConfig"))
        for by, what, path in _of_the_api(under(written, "host")):
            yield _Said(by, what, ("host", *path))


def _of_the_api(host: Any) -> Iterator[_Said]:
    """What a `HostConfig` asks for."""
    if under(host, "privileged") is True:
        yield _Said(PRIVILEGED, "a privileged container", ("Privileged",))
    for index, name in enumerate(map(str, _list(under(host, "capadd")))):
        if _is_literal(name) and name.upper().removeprefix("CAP_") not in USUAL:
            yield _Said(PRIVILEGED, f"the capability {name}", ("CapAdd", index))
    for index, option in enumerate(map(str, _list(under(host, "securityopt")))):
        if _is_literal(option) and not option.startswith("no-new-privileges"):
            yield _Said(PRIVILEGED, f"the security option {option}", ("SecurityOpt", index))
    for key in OPENING:
        if under(host, folded(key)) is not None:
            yield _Said(PRIVILEGED, key, (key,))
    for key in NAMESPACES:
        if _is_host(under(host, folded(key))):
            yield _Said(PRIVILEGED, f"{key} of the host", (key,))
    if _is_host(under(host, "networkmode")):
        yield _Said(HOST_NETWORK, "the network host", ("NetworkMode",))
    for index, bind in enumerate(_list(under(host, "binds"))):
        yield from _bind(bind, ("Binds", index))
    for index, mount in enumerate(_list(under(host, "mounts"))):
        source = str(under(mount, "source") or "")
        if under(mount, "type") == "bind" and _is_literal(source):
            yield _Said(HOST_MOUNTS, f"the mount of {source}", ("Mounts", index))


def _bind(volume: Any, path: tuple[str | int, ...]) -> Iterator[_Said]:
    source = str(volume).partition(":")[0]
    if source.startswith(("/", ".", "~")):
        yield _Said(HOST_MOUNTS, f"the mount of {source}", path)


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and value == "host"


def _is_literal(text: str) -> bool:
    return "$" not in text and "`" not in text
