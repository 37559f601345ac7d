"""Removes images that were built on the fly."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from docker import errors

from dagu_core import RunQuery, RunStatus, StateStore, SystemClock, Unavailable, UsageError, parse_duration
from dagu_docker.build import HASH
from dagu_docker.daemon import Daemon, Trouble, is_status

_PAGE = 1000


async def busy_dags(store: StateStore) -> set[str]:
    """The DAGs that have an active run, which may need its image at any time."""
    active = tuple(status for status in RunStatus if status.is_active)
    found: set[str] = set()
    offset = 0
    while page := await store.find(RunQuery(statuses=active, roots_only=False, limit=_PAGE, offset=offset)):
        found.update(run.ref.dag for run in page)
        offset += len(page)
    return found


def remove_images(older_than: str, busy: Collection[str], *, dry_run: bool) -> Iterator[str]:
    """Remove images with our label, but none of a DAG that is `busy`, and tell each in a line."""
    try:
        age = parse_duration(older_than) if older_than else 0.0
    except ValueError as error:
        raise UsageError(f"--older-than: {error}") from None
    if age < 0:
        raise UsageError(f"--older-than: {older_than} lies ahead", hint="write it without a sign")
    before = SystemClock().now() - age
    try:
        daemon = Daemon()
        with daemon.reached():
            images: list[dict[str, Any]] = daemon.api.images(filters={"label": HASH})
            for image in images:
                if image["Created"] <= before:
                    yield _removed(daemon, image, busy, dry_run)
    except Trouble as trouble:
        raise Unavailable(str(trouble)) from None


def _removed(daemon: Daemon, image: dict[str, Any], busy: Collection[str], dry_run: bool) -> str:
    # One that lost its name to a newer one is listed with a name that is none.
    names = [name for name in image.get("RepoTags") or () if name != "<none>:<none>"] or [image["Id"]]
    shown = ", ".join(names)
    dag = image["Labels"].get("dagu.dag", "")
    if dag in busy:
        return f"kept {shown}: a run of {dag} is active"
    if daemon.api.containers(all=True, filters={"ancestor": image["Id"]}):
        return f"kept {shown}: a container uses it"
    if dry_run:
        return f"would remove {shown}"
    try:
        for name in names:
            daemon.api.remove_image(name)
    except errors.APIError as error:
        if is_status(error, 409):
            return f"kept {shown}: {error.explanation}"
        if not is_status(error, 404):
            raise
    return f"removed {shown}"
