"""One compressed file: `report.csv.gz` is an archive of `report.csv`."""

from __future__ import annotations

import os

from dagu_archive.entry import Entry, Visit
from dagu_archive.limits import Limits
from dagu_archive.streams import CHUNK, decompressed


def walk_single(path: str, compression: str, limits: Limits, visit: Visit) -> None:
    """Walk over the only entry there is; its size is known once it was read."""
    name = os.path.basename(path)
    stem, dot, extension = name.rpartition(".")
    count = limits.meter()
    with open(path, "rb") as file, decompressed(file, compression) as stream:
        mtime = os.fstat(file.fileno()).st_mtime
        sink = visit(
            Entry(stem if dot and stem and len(extension) <= 4 else f"{name}.out", "file", mtime=mtime)
        )
        while sink is not None and (data := stream.read(CHUNK)):
            count(len(data))
            sink.write(data)
        if sink is not None:
            sink.close()
