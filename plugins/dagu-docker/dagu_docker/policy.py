"""What the operators forbid, judged by what the Docker engine made of an order: however it was spelled.

A container is judged when it is there and before it starts, so a host network that was named by its id, or a
host folder behind a volume, is seen as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docker import errors

from dagu_docker.daemon import Daemon, Trouble, is_status
from dagu_docker.forbidden import NAMESPACES, OPENING, USUAL
from dagu_docker.order import HOST_MOUNTS, HOST_NETWORK, PRIVILEGED, Order


def judge(daemon: Daemon, container: str, order: Order) -> None:
    """Remove a container that is forbidden, and raise Trouble that says why."""
    if not order.forbidden:
        return
    seen: dict[str, Any] = daemon.api.inspect_container(container)
    host: dict[str, Any] = seen["HostConfig"]
    asked: dict[str, Any] = order.body.get("HostConfig") or {}
    found: list[str] = []
    if PRIVILEGED in order.forbidden:
        found += [f"{what} (privileged)" for what in _powers(daemon, host, asked)]
    if HOST_NETWORK in order.forbidden:
        found += [f"the network {name} (hostNetwork)" for name in _host_networks(daemon, seen)]
    if HOST_MOUNTS in order.forbidden:
        found += [f"the mount of {source} (hostMounts)" for source in _host_folders(daemon, seen)]
    if found:
        daemon.api.remove_container(container, force=True, v=True)
        raise Trouble(f"docker.policy forbids: {', '.join(found)}")


def judge_build(daemon: Daemon, order: Order) -> None:
    """Raise Trouble when the lines of a build would run in a network that is forbidden."""
    network = order.build.network if order.build is not None else ""
    seen = {"HostConfig": {"NetworkMode": network}}
    if HOST_NETWORK in order.forbidden and network and any(_host_networks(daemon, seen)):
        raise Trouble(f"docker.policy forbids: the network {network} for a build (hostNetwork)")


def _powers(daemon: Daemon, host: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[str]:
    if host.get("Privileged"):
        yield "a privileged container"
    capabilities = (str(each).upper().removeprefix("CAP_") for each in host.get("CapAdd") or ())
    yield from (f"the capability {each}" for each in capabilities if each not in USUAL)
    options = (str(each) for each in (asked.get("SecurityOpt") or ()))
    yield from (f"the security option {each}" for each in options if not each.startswith("no-new-privileges"))
    yield from (each for each in OPENING if asked.get(each) is not None)
    for kind in NAMESPACES:
        if _of_whom(daemon, host, kind) == "host":
            yield f"{kind} of the host"


def _host_networks(daemon: Daemon, seen: Mapping[str, Any]) -> Iterator[str]:
    """The networks of a container that are the one of the host, under whatever name."""
    mode = str(seen["HostConfig"].get("NetworkMode") or "")
    if (other := _joined(daemon, mode)) is not None:
        yield from (f"{mode}, which is {name}" for name in _host_networks(daemon, other))
        return
    for name in dict.fromkeys((mode, *((seen.get("NetworkSettings") or {}).get("Networks") or ()))):
        if name == "host" or (name and _driver(daemon, name) == "host"):
            yield name


def _host_folders(daemon: Daemon, seen: Mapping[str, Any]) -> Iterator[str]:
    """What of the host is mounted, also through a volume that stands for a folder or a device."""
    for mount in seen.get("Mounts") or ():
        kind, source = mount.get("Type"), str(mount.get("Source", ""))
        if kind == "volume":
            device = _device(daemon, str(mount.get("Name", "")))
            if device.startswith("/"):
                yield f"{device} as the volume {mount['Name']}"
        elif kind not in ("tmpfs", "image", "cluster"):
            yield source


def _of_whom(daemon: Daemon, host: Mapping[str, Any], kind: str) -> str:
    """Whose namespace of that kind it is: `host`, or something that is none of our business."""
    mode = str(host.get(kind) or "")
    other = _joined(daemon, mode)
    return mode if other is None else _of_whom(daemon, other["HostConfig"], kind)


def _joined(daemon: Daemon, mode: str) -> dict[str, Any] | None:
    """The container whose namespace is used, None without one."""
    word, colon, name = mode.partition(":")
    if word != "container" or not colon:
        return None
    try:
        found: dict[str, Any] = daemon.api.inspect_container(name)
    except errors.APIError as error:
        if is_status(error, 404):
            return None  # it will not start either
        raise
    return found


def _driver(daemon: Daemon, network: str) -> str:
    try:
        return str(daemon.api.inspect_network(network)["Driver"])
    except errors.APIError as error:
        if is_status(error, 404):
            return ""
        raise


def _device(daemon: Daemon, volume: str) -> str:
    options = daemon.api.inspect_volume(volume).get("Options") or {}
    return str(options.get("device") or "")
