"""The two output streams of one attempt: straight to the logs, or through a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from dagu_core.base.masking import Masker
from dagu_core.engine.kernel import is_held
from dagu_core.engine.logs import captured_beside
from dagu_core.engine.supervision import boot


class Streams(Struct):
    """Where the attempt writes. `stdout` and `stderr` are the logs (one path when merged),
    `extra_out`/`extra_err` the step's own redirects; `offset` is where the log begins to be
    this attempt's, `limit` how many bytes are captured and `log_limit` how many stay in a log;
    `filter_lock` is held by the filter; `scarce` = the disk of the logs may get full, and then a
    step must not be told that it cannot write."""

    stdout: str
    stderr: str
    offset: int = 0
    extra_out: str = ""
    extra_err: str = ""
    wants_output: bool = False
    limit: int = 0
    log_limit: int = 1 << 30
    masker: Masker | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    filter_lock: str = ""
    scarce: bool = False

    @property
    def merged(self) -> bool:
        return self.stdout == self.stderr

    @property
    def capture(self) -> str | None:
        """Where the captured bytes are when they are not simply the log's."""
        if self.wants_output and (self.secrets or self.merged):
            return captured_beside(self.filter_lock)
        return None

    @property
    def filter(self) -> dict[str, Any] | None:
        """What the supervisor is told about the filter; None when the step writes to its logs
        itself. The secrets travel through pipes, never through arguments or files."""
        capture = self.capture
        if not (self.secrets or self.extra_out or self.extra_err or capture or self.scarce):
            return None
        streams = [self._stream(self.stdout, self.extra_out, capture or "")]
        if not self.merged or capture or self.extra_out or self.extra_err:
            streams.append(self._stream(self.stderr, self.extra_err, ""))
        for stream in streams:
            stream["lines"] = self.merged and len(streams) > 1
        return {
            "boot": boot("dagu_core.engine.filter"),
            "lock": self.filter_lock,
            "orders": {"streams": streams, "secrets": dict(self.secrets), "limit": self.limit},
        }

    @staticmethod
    def _stream(log: str, extra: str, capture: str) -> dict[str, Any]:
        return {"sinks": [log, extra] if extra else [log], "capture": capture}

    async def drained(self) -> None:
        """Wait until a filter of an earlier engine has written everything."""
        while is_held(self.filter_lock):
            await asyncio.sleep(0.02)
