"""Raw objects of the Docker API, as a file may write them: any spelling of a key, no unknown one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

# fmt: off
CONFIG = (
    "Hostname", "Domainname", "User", "ExposedPorts", "Env", "Cmd", "Healthcheck", "Image", "Volumes",
    "WorkingDir", "Entrypoint", "NetworkDisabled", "MacAddress", "Labels", "StopSignal", "StopTimeout",
    "Shell", "OnBuild", "ArgsEscaped", "AttachStdin", "AttachStdout", "AttachStderr", "Tty",
    "OpenStdin", "StdinOnce",
)
HOST = (
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
NETWORK = ("EndpointsConfig",)
EXEC = ("user", "workingDir", "privileged", "env")


def spelled(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The object with its keys as the API spells them. Raises ValueError for a key it does not have."""
    by_folded = {folded(name): name for name in names}
    found = {}
    for key, value in given.items():
        name = by_folded.get(folded(key))
        if name is None:
            near = get_close_matches(folded(key), by_folded, 1)
            hint = f"did you mean `{by_folded[near[0]]}`?" if near else f"known: {_listed(names)}"
            raise ValueError(f"unknown key {str(key)[:80]!r}; {hint}")
        if name in found:
            raise ValueError(f"`{name}` is given twice, in two spellings")
        found[name] = value
    return found


def folded(key: object) -> str:
    """The spelling-free form of a key."""
    return str(key).replace("_", "").lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 10 else "those of the Docker API"
