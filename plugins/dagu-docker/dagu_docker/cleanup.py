"""Removes images that were built on the fly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docker import errors

from dagu_core import SystemClock, Unavailable, UsageError
from dagu_docker.build import HASH
from dagu_docker.build_config import seconds
from dagu_docker.daemon import Daemon, Trouble, is_status


def remove_images(older_than: str, *, dry_run: bool) -> Iterator[str]:
    """Remove images with our label, and tell each in a line."""
    try:
        age = seconds(older_than) if older_than else 0.0
    except ValueError as error:
        raise UsageError(f"--older-than {error}") from None
    before = SystemClock().now() - age
    try:
        daemon = Daemon()
        with daemon.reached():
            images: list[dict[str, Any]] = daemon.api.images(filters={"label": HASH})
            for image in images:
                if image["Created"] <= before:
                    yield _remove(daemon, image, dry_run)
    except Trouble as trouble:
        raise Unavailable(str(trouble)) from None


def _remove(daemon: Daemon, image: dict[str, Any], dry_run: bool) -> str:
    names = image.get("RepoTags") or [image["Id"]]
    shown = ", ".join(names)
    if dry_run:
        return f"would remove {shown}"
    try:
        for name in names:
            daemon.api.remove_image(name)
    except errors.APIError as error:
        if is_status(error, 409):
            return f"kept {shown}: a container uses it"
        raise
    return f"removed {shown}"
