"""The two output streams of one attempt: straight to the logs, or through a filter."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from dagu_core.base.masking import Masker
from dagu_core.engine.filter import spawn_filter
from dagu_core.engine.logs import FILE_MODE, open_log
from dagu_core.engine.processes import own_children, wait_for_child
from dagu_core.engine.supervisor import is_locked


@dataclass(slots=True)
class Streams:
    """Where the attempt writes. `stdout` and `stderr` are the logs (one path when merged),
    `extra_out`/`extra_err` the step's own redirects, `capture` the file of a separate capture."""

    stdout: Path
    stderr: Path
    offset: int = 0
    extra_out: str = ""
    extra_err: str = ""
    wants_output: bool = False
    limit: int = 0
    masker: Masker | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    filter_lock: Path = Path()
    _filter_pid: int = 0
    _descriptors: list[int] = field(default_factory=list)

    @property
    def merged(self) -> bool:
        return self.stdout == self.stderr

    @property
    def capture(self) -> Path | None:
        """Where the captured bytes are when they are not simply the log's."""
        if self.wants_output and (self.secrets or self.merged):
            return self.filter_lock.with_suffix(".captured")
        return None

    @property
    def filtered(self) -> bool:
        return bool(self.secrets or self.extra_out or self.extra_err or self.capture)

    def open(self) -> tuple[int, int]:
        """Descriptors for the step's stdout and stderr; `close` them after the spawn."""
        if not self.filtered:
            out = open_log(self.stdout)
            err = out if self.merged else open_log(self.stderr)
            self._descriptors = [out] if self.merged else [out, err]
            return out, err
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        streams = [
            self._stream(out_read, self.stdout, self.extra_out, str(self.capture) if self.capture else None),
            self._stream(err_read, self.stderr, self.extra_err, None),
        ]
        try:
            self._filter_pid = spawn_filter(streams, self.secrets, self.filter_lock)
            own_children.add(self._filter_pid)
        finally:
            os.close(out_read)
            os.close(err_read)
        self._descriptors = [out_write, err_write]
        return out_write, err_write

    def _stream(self, fd: int, log: Path, extra: str, capture: str | None) -> dict[str, object]:
        sinks = [str(log), extra] if extra else [str(log)]
        return {"fd": fd, "sinks": sinks, "capture": capture, "limit": self.limit}

    def close(self) -> None:
        """Close our ends; the step (and the filter) keep theirs."""
        for descriptor in self._descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptors = []

    async def finish(self) -> None:
        """Wait until everything the step wrote is in the logs."""
        if self._filter_pid:
            pid, self._filter_pid = self._filter_pid, 0
            await wait_for_child(pid)
            own_children.discard(pid)
        elif self.filtered:
            while is_locked(self.filter_lock):
                await asyncio.sleep(0.02)


class LogWriter:
    """A step's stream for executors that write themselves: masked, appended to the log.

    With `capture` the unmasked bytes (at most `limit` + 1) are kept as well, secrets replaced by
    references.
    """

    def __init__(self, streams: Streams, *, errors: bool = False) -> None:
        path, extra = (streams.stderr, streams.extra_err) if errors else (streams.stdout, streams.extra_out)
        self._paths = [path, Path(extra)] if extra else [path]
        self._masker = streams.masker
        self._mask = streams.masker.stream() if streams.masker else None
        self._capture = None if errors else streams.capture
        self._limit = streams.limit
        self._kept = bytearray()

    async def write(self, data: bytes) -> None:
        """Append `data`."""
        if self._capture and len(self._kept) <= self._limit:
            self._kept += data[: self._limit + 1 - len(self._kept)]
        self._append(self._mask.feed(data) if self._mask else data)

    def close(self) -> None:
        """Write what was held back in case it was the beginning of a secret."""
        if self._mask:
            self._append(self._mask.flush())
        if self._capture:
            kept = bytes(self._kept)
            self._capture.write_bytes(self._masker.tokenize(kept) if self._masker else kept)
            self._capture.chmod(FILE_MODE)

    def _append(self, data: bytes) -> None:
        if not data:
            return
        for path in self._paths:
            descriptor = open_log(path)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
