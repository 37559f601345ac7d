"""How a step or a trigger gets to its server: by its own words, or by the `ssh` of its DAG."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from dagu_core import Invalid
from dagu_ftp.config import FtpServerConfig, SftpServerConfig
from dagu_ftp.options import FtpOptions, Hop, SftpOptions

#: with one of these keys a step speaks for itself, and nothing of the DAG's `ssh` counts
_OWN = frozenset({"host", "port", "user", "password", "key", "key_passphrase", "bastion", "host_key"})


def ftp_way(config: FtpServerConfig, folder: Path) -> FtpOptions:
    """The server; files of ours are named relative to `folder`."""
    if not config.host:
        raise Invalid("no server is named", hint="Add `host:` to the step's config.")
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(FtpOptions)}
    for name in ("ca_file", "cert_file", "key_file"):
        values[name] = str(folder / os.path.expanduser(values[name])) if values[name] else ""
    return FtpOptions(**values)


def ssh_way(config: SftpServerConfig, shared: Any, working_dir: Path) -> SftpOptions:
    """The servers to go through, the last of which has the files. `shared` is the DAG's `ssh`."""
    way: Any = shared if shared is not None and not config.model_fields_set & _OWN else config
    host = (getattr(way, "ip", "") or way.host).strip()
    if not host:
        hint = "Add `host:` to the step's config, or `ssh:` to the DAG."
        raise Invalid("no server is named", hint=hint)
    end = _hop(way, host, working_dir)
    before = config.bastion if way is config else _jumps(way)
    hops = [_hop(each, each.host, working_dir, end) for each in before]
    strict = config if "strict_host_key" in config.model_fields_set else way
    known = config if config.known_host_file else way
    return SftpOptions((*hops, end), strict.strict_host_key, known.known_host_file)


def _hop(way: Any, host: str, working_dir: Path, behind: Hop | None = None) -> Hop:
    key = str(working_dir / os.path.expanduser(way.key)) if way.key else ""
    passphrase = way.key_passphrase
    if behind is not None and not (key or way.password):
        key, passphrase = behind.key, passphrase or behind.key_passphrase
    return Hop(
        host=host,
        port=way.port or 22,
        user=way.user or (behind.user if behind else ""),
        password=way.password,
        key=key,
        key_passphrase=passphrase or (way.password if key else ""),
        host_key=getattr(way, "host_key", ""),
    )


def _jumps(way: Any) -> list[Any]:
    """The chain of a DAG's `ssh`, each of which names the one before it, from the first on."""
    found: list[Any] = []
    while (way := getattr(way, "jump", None)) is not None:
        found.insert(0, way)
    return found
