"""Section `docker` of the configuration file."""

from __future__ import annotations

from typing import ClassVar

from dagu_core import SettingsSection, setting


class DockerSettings(SettingsSection):
    """Building images on the fly."""

    section: ClassVar[str] = "docker"

    build_roots: list[str] = setting(
        [], "Folders a build context must lie in; empty = anywhere this user can read."
    )
    reconnect_sec: float = setting(
        20.0, "Seconds a running step waits for an engine that went away before it is given up as lost.", ge=0
    )
    max_context: int = setting(512 << 20, "Bytes a build context may have, after its .dockerignore.", gt=0)
