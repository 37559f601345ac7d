"""Sections `docker` and `docker.policy` of the configuration file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from dagu_core import SettingsSection, setting


class DockerSettings(SettingsSection):
    """Building images on the fly, and an engine that went away."""

    section: ClassVar[str] = "docker"

    build_roots: list[str] = setting(
        [], "Folders a build context must lie in; empty = anywhere this user can read."
    )

    @field_validator("build_roots", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return (
            [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
        )

    reconnect_sec: float = setting(
        20.0, "Seconds a running step waits for an engine that went away before it is given up as lost.", ge=0
    )
    max_context: int = setting(512 << 20, "Bytes a build context may have, after its .dockerignore.", gt=0)


class DockerPolicy(SettingsSection):
    """What the containers of DAGs may have of their host; false forbids it."""

    section: ClassVar[str] = "docker.policy"

    privileged: bool = setting(
        True, "Privileged containers, and what comes near: capabilities, devices, namespaces of the host."
    )
    host_network: bool = setting(True, "The network of the host, for containers and for builds.")
    host_mounts: bool = setting(True, "Folders and files of the host, also behind volumes.")

    @property
    def forbidden(self) -> list[str]:
        """The keys that are false."""
        keys = {
            "privileged": self.privileged,
            "hostNetwork": self.host_network,
            "hostMounts": self.host_mounts,
        }
        return [key for key, allowed in keys.items() if not allowed]
