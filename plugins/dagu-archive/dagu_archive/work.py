"""Does one operation; the side of the step's own process."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from typing import Any

from dagu_archive import stopping
from dagu_archive.codes import (
    CANCELLED,
    CONFIG,
    CORRUPT,
    CREATE,
    EXTRACT,
    SOURCE,
    code_of,
    refuse,
    told,
)
from dagu_archive.formats import of_archive
from dagu_archive.limits import Limits
from dagu_archive.progress import warn
from dagu_archive.reading import Archive
from dagu_archive.streams import CHUNK
from dagu_core.contracts.work import Stopped

#: what no honest archive needs; a hostile one must not take the machine
_MAX_MEMORY = 3 << 30


def run(request: dict[str, Any]) -> int:
    """Create, extract or list, and print the summary."""
    stopping.once()
    _bound_memory()
    operation = request["operation"]
    otherwise = {"create": CREATE, "extract": EXTRACT, "list": SOURCE}[operation]
    began = time.monotonic()
    try:
        summary = _create(request) if operation == "create" else _read(request)
    except Stopped:
        refuse(CANCELLED, f"{operation} was cancelled; nothing of it is left")
    except OSError as error:
        refuse(code_of(error, otherwise), f"{operation} failed: {told(error)}")
    took = duration(time.monotonic() - began)
    if operation == "list":
        summary = {**summary, "duration": took}
    else:
        verified = request["verifyIntegrity"] and not request["dryRun"]
        summary = {**summary, "duration": took, "verifyPerformed": verified}
    text = json.dumps({"operation": operation, **summary}, indent=2, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    return 0


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MAX_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, hard))


def _create(request: dict[str, Any]) -> dict[str, Any]:
    from dagu_archive.create import Creation

    _status(request["source"])
    destination = os.path.abspath(request["destination"]) if request["destination"] else ""
    summary = Creation(request, request["source"], destination).run()
    return {"source": request["source"], "destination": request["destination"], **summary}


def _read(request: dict[str, Any]) -> dict[str, Any]:
    source = request["source"]
    status = _status(source)
    if not stat.S_ISREG(status.st_mode):
        refuse(CONFIG, f"{source} is no file", "to extract or list, source is an archive")
    if request["checksum"]:
        _compare(source)
    format, warning = of_archive(source, request["format"])
    if warning:
        warn(warning)
    limits = Limits(request["maxBytes"], request["maxFiles"], request["maxRatio"], status.st_size)
    archive = Archive(source, format, request["password"], limits)
    if request["operation"] == "list":
        from dagu_archive.listing import listed

        return {"source": source, **listed(request, archive)}
    from dagu_archive.extract import Extraction

    destination = request["destination"] or "."
    summary = Extraction(request, archive, os.path.realpath(destination)).run()
    return {"source": source, "destination": destination, **summary}


def _status(source: str) -> os.stat_result:
    try:
        return os.stat(source)
    except OSError as error:
        refuse(code_of(error, SOURCE), f"source {source}: {error.strerror}")


def _compare(source: str) -> None:
    beside = f"{source}.sha256"
    with open(beside, encoding="utf-8", errors="surrogateescape") as file:
        wanted = file.read(64).lower()
    with open(source, "rb") as data:
        digest = hashlib.sha256()
        while chunk := data.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != wanted:
        refuse(CORRUPT, f"{source} does not have the checksum that {beside} says")


def duration(seconds: float) -> str:
    """A duration as `2.36ms` or `1m3.5s`."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g}µs"
    if seconds < 1:
        return f"{seconds * 1e3:.4g}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.4g}s" if minutes else f"{rest:.4g}s"
