"""What ended runs take on the disk, and which of them have to go when that is too much."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.contracts.store import RunQuery
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

_PAGE = 500
_OVER = tuple(status for status in RunStatus if status.is_over)


class Footprint(Struct):
    """The bytes of an ended run's logs, those of its sub-DAG runs included."""

    ref: RunRef
    ended_at: float
    size: int = 0


async def footprints(app: App) -> list[Footprint]:
    """Those of all ended runs that no other run has started."""
    roots: dict[RunRef, Footprint] = {}
    sizes: dict[RunRef, tuple[RunRef, int]] = {}
    offset = 0
    query = RunQuery(statuses=_OVER, roots_only=False, limit=_PAGE)
    while page := await app.store.find(query):
        for one, size in zip(page, await asyncio.to_thread(_sizes, page), strict=True):
            # By the run, not added up: pages shift when a run ends meanwhile.
            sizes[one.ref] = (one.root or one.ref, size)
            if one.parent is None:
                roots[one.ref] = Footprint(one.ref, one.finished_at or one.created_at)
        offset += len(page)
        query = RunQuery(statuses=_OVER, roots_only=False, limit=_PAGE, offset=offset)
    for root, size in sizes.values():
        if root in roots:
            roots[root].size += size
    return list(roots.values())


def too_many(found: Iterable[Footprint], most: int) -> list[Footprint]:
    """The oldest ones that have to go until the others take `most` bytes or less; those that take
    nothing would not help, and stay."""
    ordered = sorted((one for one in found if one.size), key=lambda one: one.ended_at)
    excess = sum(one.size for one in ordered) - most
    doomed = []
    for one in ordered:
        if excess <= 0:
            break
        excess -= one.size
        doomed.append(one)
    return doomed


def _sizes(runs: Sequence[RunSummary]) -> list[int]:
    return [_size(Path(one.log).parent) if one.log else 0 for one in runs]


def _size(folder: Path) -> int:
    """Bytes a folder takes on the disk, with all below it; 0 when it is gone."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _size(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        pass  # removed while we look
    return total
