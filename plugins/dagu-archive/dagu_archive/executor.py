"""The step type `archive`: create, extract and list archives, in a process of its own."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from dagu_archive.config import ArchiveConfig
from dagu_archive.lint import OPERATIONS
from dagu_core import Attempt, Capability, Outcome, WorkerExecutor

_CONFIG = 2


class ArchiveExecutor(WorkerExecutor[ArchiveConfig]):
    """Packs, unpacks and lists archives: `command` is `create`, `extract` or `list`.

    Whatever an archive holds, nothing is written outside the destination, and an operation that
    fails or is stopped leaves it as it was. The summary on stdout is JSON.
    """

    name = "archive"
    Config = ArchiveConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command"})
    work = "dagu_archive.work:run"
    icon = "archive"

    async def run(self, attempt: Attempt[ArchiveConfig]) -> Outcome:
        operation, config = _operation(attempt), attempt.config
        if operation not in OPERATIONS:
            return _misused(
                f"there is no operation {operation!r}: write {', '.join(OPERATIONS)} as `command`"
            )
        if operation == "create" and not config.destination and not config.dry_run:
            return _misused("create needs config.destination")
        return await super().run(attempt)

    async def request(self, attempt: Attempt[ArchiveConfig]) -> dict[str, Any]:
        mark = hashlib.sha256(repr((attempt.run, attempt.step.name)).encode()).hexdigest()[:12]
        config = attempt.config.model_dump(by_alias=True)
        return {**config, "operation": _operation(attempt), "token": mark}


def _operation(attempt: Attempt[ArchiveConfig]) -> str:
    return attempt.commands[0].strip() if attempt.commands else ""


def _misused(message: str) -> Outcome:
    return Outcome(exit_code=_CONFIG, message=f"archive: {message}")
