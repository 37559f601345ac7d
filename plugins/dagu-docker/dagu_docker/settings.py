"""Section `docker` of the configuration file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from dagu_core import SettingsSection, setting


class DockerSettings(SettingsSection):
    """Building images on the fly."""

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
