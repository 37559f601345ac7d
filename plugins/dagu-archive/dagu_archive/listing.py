"""Tells what is in an archive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dagu_archive.entry import Entry, Nowhere, Sink
from dagu_archive.globs import Selection
from dagu_archive.reading import Archive
from dagu_archive.tree import moment


def listed(request: dict[str, Any], archive: Archive) -> dict[str, Any]:
    """The entries of an archive that are selected; reads all of it when it is to be verified."""
    selection = Selection(request["include"], request["exclude"])
    verify = request["verifyIntegrity"]
    files: list[dict[str, Any]] = []
    sizes = 0

    def visit(entry: Entry) -> Sink | None:
        nonlocal sizes
        if selection.takes(entry.name.rstrip("/").removeprefix("./")):
            files.append(_described(entry))
            sizes += entry.size
        return Nowhere() if verify else None

    archive.walk(visit, content=verify)
    return {"totalFiles": len(files), "totalSize": sizes, "files": files, "verified": verify}


def _described(entry: Entry) -> dict[str, Any]:
    link = {"target": entry.target} if entry.target and entry.kind.endswith("link") else {}
    return {
        "path": entry.name.rstrip("/") or ".",
        "size": entry.size,
        "mode": entry.permissions(),
        "modTime": datetime.fromtimestamp(int(moment(entry)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "isDir": entry.kind == "dir",
        "type": entry.kind,
        "encrypted": entry.encrypted,
        **link,
    }
