"""The raw API objects a step's `config` may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from dagu_core import Invalid
from dagu_docker.config import DockerConfig

# fmt: off
_CONFIG = (
    "Hostname", "Domainname", "User", "ExposedPorts", "Env", "Cmd", "Healthcheck", "Image", "Volumes",
    "WorkingDir", "Entrypoint", "NetworkDisabled", "MacAddress", "Labels", "StopSignal", "StopTimeout",
    "Shell", "OnBuild", "ArgsEscaped", "AttachStdin", "AttachStdout", "AttachStderr", "Tty",
    "OpenStdin", "StdinOnce",
)
# fmt: on
# fmt: off
_HOST = (
    "Binds", "ContainerIDFile", "LogConfig", "NetworkMode", "PortBindings", "RestartPolicy",
    "AutoRemove", "VolumeDriver", "VolumesFrom", "Mounts", "ConsoleSize", "Annotations", "CapAdd",
    "CapDrop", "CgroupnsMode", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "IpcMode",
    "Cgroup", "Links", "OomScoreAdj", "PidMode", "Privileged", "PublishAllPorts", "ReadonlyRootfs",
    "SecurityOpt", "StorageOpt", "Tmpfs", "UTSMode", "UsernsMode", "ShmSize", "Sysctls", "Runtime",
    "Isolation", "MaskedPaths", "ReadonlyPaths", "Init", "CpuShares", "Memory", "CgroupParent",
    "BlkioWeight", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps",
    "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod",
    "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "Devices", "DeviceCgroupRules", "DeviceRequests",
    "KernelMemory", "KernelMemoryTCP", "MemoryReservation", "MemorySwap", "MemorySwappiness",
    "NanoCpus", "OomKillDisable", "PidsLimit", "Ulimits", "CpuCount", "CpuPercent", "IOMaximumIOps",
    "IOMaximumBandwidth",
)
# fmt: on
_EXEC = {"user": "user", "workingdir": "workdir", "privileged": "privileged", "env": "env"}
#: what the engine decides, so that output is kept apart and the end is seen
_OURS = frozenset(
    {"AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "AutoRemove"}
)


def legacy_body(config: DockerConfig, env: Mapping[str, str], binds: list[str]) -> dict[str, Any]:
    """What the API is given to create the container."""
    body = _known(config.container, _CONFIG, "config.container")
    host = _known(config.host, _HOST, "config.host")
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
    return {**body, "HostConfig": host, "NetworkingConfig": dict(config.network)}


def legacy_exec(options: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """How a command is run in a container that is there."""
    found: dict[str, Any] = {"environment": dict(env)}
    for key, value in options.items():
        word = _EXEC.get(_folded(key))
        if word is None:
            raise Invalid(f"config.exec: unknown key {key!r}", hint=f"known: {', '.join(_EXEC)}")
        if word == "env":
            entries = (
                [f"{n}={v}" for n, v in value.items()] if isinstance(value, Mapping) else list(value or ())
            )
            found["environment"] |= dict(str(entry).split("=", 1) for entry in entries if "=" in str(entry))
        else:
            found[word] = value
    return found


def _known(given: Mapping[str, Any], names: Sequence[str], where: str) -> dict[str, Any]:
    by_folded = {_folded(name): name for name in names}
    found = {}
    for key, value in given.items():
        name = by_folded.get(_folded(key))
        if name is None:
            near = get_close_matches(_folded(key), by_folded, 1)
            hint = f"did you mean `{by_folded[near[0]]}`?" if near else "see the Docker API"
            raise Invalid(f"{where}: unknown key {key!r}", hint=hint)
        if name not in _OURS:
            found[name] = value
    return found


def _folded(key: str) -> str:
    return str(key).replace("_", "").lower()
