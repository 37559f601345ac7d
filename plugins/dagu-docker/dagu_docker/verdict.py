"""How an attempt ended, in a file: the process that knows may be gone when somebody asks."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagu_core import Outcome


@dataclass(frozen=True)
class Verdict:
    """The parts of an `Outcome` that the process at work decides."""

    exit_code: int | None = 0
    ended: str = "exited"
    message: str = ""
    warnings: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Put the verdict where `read` finds it, whole or not at all."""
        fresh = folder / "verdict.new"
        fresh.write_text(json.dumps(asdict(self)), "utf-8")
        fresh.replace(folder / "verdict.json")

    @classmethod
    def read(cls, folder: Path) -> Verdict | None:
        """The verdict, or None while there is none."""
        try:
            return cls(**json.loads((folder / "verdict.json").read_text("utf-8")))
        except FileNotFoundError:
            return None

    def outcome(self) -> Outcome:
        """For the engine."""
        from dagu_core import Outcome

        return Outcome(
            exit_code=self.exit_code,
            ended=self.ended,  # type: ignore[arg-type]
            message=self.message,
            warnings=tuple(self.warnings),
        )


class Hold:
    """A file that says there may be something to tidy up, locked while its owner lives."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hold"
        self._descriptor = -1

    def take(self) -> None:
        """Create the file and lock it."""
        self._descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """There is nothing left to tidy up."""
        self.path.unlink(missing_ok=True)

    def is_orphaned(self) -> bool:
        """Whether there may be something to tidy up and nobody lives who will."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True
