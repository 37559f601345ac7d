"""`ports` and `volumes` of a container, as the API wants them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PORT = re.compile(
    r"(?:(?:(?P<ip>\[[0-9A-Fa-f:.]+\]|[0-9.]+):)?(?P<host>\d*):)?(?P<inside>\d+)(?:/(?P<protocol>tcp|udp|sctp))?"
)
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# fmt: off
_MODES = frozenset(
    (
        "ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", "shared", "rshared", "slave",
        "rslave", "private", "rprivate",
    )
)
# fmt: on


def port_bindings(ports: Iterable[str | int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(ExposedPorts, PortBindings). Raises ValueError that names the port."""
    exposed: dict[str, Any] = {}
    bound: dict[str, Any] = {}
    for port in ports:
        match = _PORT.fullmatch(str(port).strip())
        numbers = [int(match[name] or 0) for name in ("host", "inside")] if match else []
        if match is None or max(numbers) > 65_535 or numbers[1] == 0:
            raise ValueError(f"{str(port)!r} is no port; write 80, 8080:80, 127.0.0.1:8080:80 or 53:53/udp")
        inside = f"{numbers[1]}/{match['protocol'] or 'tcp'}"
        exposed[inside] = {}
        if match["host"] is not None:
            ip = (match["ip"] or "").strip("[]")
            bound.setdefault(inside, []).append({"HostIp": ip, "HostPort": match["host"]})
        else:
            # As the command line of Docker has it: a lone port gets a free one on the host.
            bound.setdefault(inside, []).append({"HostIp": "", "HostPort": ""})
    return exposed, bound


def binds(volumes: Iterable[str], folder: Path) -> list[str]:
    """The volumes with absolute sources. Raises ValueError that names the volume."""
    return [_bind(volume, folder) for volume in volumes]


def _bind(volume: str, folder: Path) -> str:
    source, _, rest = volume.partition(":")
    target, _, mode = rest.partition(":")
    wrong = ""
    if not source or not target.startswith("/"):
        wrong = "the target must be an absolute path inside the container"
    elif mode and not set(mode.split(",")) <= _MODES:
        wrong = f"{mode!r} is no mode: write ro or rw"
    elif source.startswith((".", "/", "~")):
        home = os.path.expanduser(source)
        wrong = f"there is no home folder {source.partition('/')[0]} here" if home.startswith("~") else ""
        source = os.path.normpath(folder / home)
    elif not _VOLUME.fullmatch(source):
        wrong = f"{source!r} is no name of a volume; a folder begins with `/`, `.` or `~`"
    if wrong:
        raise ValueError(f"{volume!r}: {wrong}; write source:target or source:target:ro")
    return f"{source}:{target}:{mode}" if mode else f"{source}:{target}"
