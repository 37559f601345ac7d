"""The process between a step and its logs, for runs with secrets and steps with extra sinks.

It outlives the engine like the step does: it reads the step's pipes, writes masked bytes to the
logs, and keeps what is to be captured with secrets replaced by references.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: seconds a held-back tail may wait for the rest of a secret
IDLE = 0.2
_CHUNK = 1 << 16
_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = f"import sys; sys.path.insert(0, {_ROOT!r}); from dagu_core.engine.filter import main; main()"


def spawn_filter(streams: Sequence[Mapping[str, Any]], secrets: Mapping[str, str], lock: Path) -> int:
    """Start a filter process and return its pid.

    Each stream is {"fd": read end of a pipe, "sinks": [paths], "capture": path or None, "limit":
    bytes}. The secrets go through a pipe, never through arguments or files. `lock` is held while
    the filter lives, so that another engine can wait for it.
    """
    read_end, write_end = os.pipe()
    lock_fd = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for descriptor in (lock_fd, *(stream["fd"] for stream in streams)):
            os.set_inheritable(descriptor, True)
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _BOOT],
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[(os.POSIX_SPAWN_DUP2, read_end, 0)],
            setsid=True,
        )
        orders = {"streams": list(streams), "secrets": dict(secrets)}
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(json.dumps(orders).encode())
        return pid
    finally:
        os.close(read_end)
        os.close(lock_fd)


class _Sink:
    """Where one stream goes."""

    def __init__(self, orders: Mapping[str, Any], masker: Any) -> None:
        from dagu_core.engine.logs import open_log

        self.fd: int = orders["fd"]
        self.files = [open_log(Path(path)) for path in orders["sinks"]]
        self.mask = masker.stream() if masker else None
        self.masker = masker
        self.capture: str | None = orders.get("capture")
        self.limit: int = orders.get("limit", 0)
        self.kept = bytearray()

    def feed(self, data: bytes) -> None:
        if self.capture and len(self.kept) <= self.limit:
            self.kept += data[: self.limit + 1 - len(self.kept)]
        self._write(self.mask.feed(data) if self.mask else data)

    def idle(self) -> None:
        if self.mask:
            self._write(self.mask.flush())

    def close(self) -> None:
        self.idle()
        if self.capture:
            kept = bytes(self.kept)
            descriptor = os.open(self.capture, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.masker.tokenize(kept) if self.masker else kept)

    def _write(self, data: bytes) -> None:
        for file in self.files:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(file, view) :]
                except OSError:
                    break  # a full disk must not end the step: the rest of this log is lost


def main() -> None:
    """Body of the filter process: orders on stdin, then copy until every pipe is closed."""
    orders = json.loads(sys.stdin.buffer.read())
    masker = None
    if orders["secrets"]:
        from dagu_core.base.masking import Masker

        masker = Masker(orders["secrets"])
    sinks = {stream["fd"]: _Sink(stream, masker) for stream in orders["streams"]}
    while sinks:
        ready, _, _ = select.select(list(sinks), [], [], IDLE if masker else None)
        if not ready:
            for sink in sinks.values():
                sink.idle()
        for descriptor in ready:
            data = os.read(descriptor, _CHUNK)
            if data:
                sinks[descriptor].feed(data)
            else:
                sinks.pop(descriptor).close()
                os.close(descriptor)
