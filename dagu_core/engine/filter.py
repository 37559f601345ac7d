"""The process between a step and its logs, for runs with secrets and steps with extra sinks.

It outlives the engine like the step does: it reads the step's pipes, writes masked bytes to the
logs, and keeps what is to be captured with secrets replaced by references.
"""

from __future__ import annotations

import marshal
import os
import select
import sys
from typing import Any

from dagu_core.engine.kernel import open_log

#: seconds a held-back tail may wait for the rest of a secret
IDLE = 0.2
_CHUNK = 1 << 18
REMOVED = b"[this log was removed while the step ran; what follows was written after that]\n"
STOPPED = b"\n[log stopped: no space left]\n"
WITHHELD = b"[output withheld: redaction failed]\n"


class Sink:
    """Where one stream goes: files (masked), and what is kept of it for a capture."""

    def __init__(self, orders: dict[str, Any], masker: Any, limit: int) -> None:
        self.paths: list[str] = orders["sinks"]
        self.files = [open_log(path) for path in self.paths]
        self.null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self.mask = masker.stream() if masker else None
        self.masker = masker
        self.capture: str = orders["capture"]
        self.limit = limit
        self.kept = bytearray()

    def feed(self, data: bytes) -> None:
        """Take a chunk."""
        if self.capture and len(self.kept) <= self.limit:
            self.kept += data[: self.limit + 1 - len(self.kept)]
        self.write(self.mask.feed(data) if self.mask else data)

    def idle(self) -> None:
        """Nothing came for a while: show what was held back."""
        if self.mask:
            self.write(self.mask.flush())

    def close(self) -> None:
        """The stream has ended."""
        self.idle()
        if self.capture:
            kept = bytes(self.kept)
            descriptor = os.open(self.capture, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.masker.tokenize(kept) if self.masker else kept)

    def write(self, data: bytes) -> None:
        """Append to every file; a full disk must not end the step, only that log."""
        for place, file in enumerate(self.files):
            if data and not os.fstat(file).st_nlink:
                file = self.reopened(place)
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(file, view) :]
                except OSError:
                    self.stop(place)
                    break

    def stop(self, place: int) -> None:
        """Say at the end of a log that it ends here; whatever space there will be is for others."""
        file = self.files[place]
        self.files[place] = self.null
        try:
            os.ftruncate(file, max(0, os.fstat(file).st_size - len(STOPPED)))
            os.write(file, STOPPED)
        except OSError:
            pass
        os.close(file)

    def reopened(self, place: int) -> int:
        """A file that was removed, made anew."""
        try:
            file = open_log(self.paths[place])
            os.write(file, REMOVED)
        except OSError:
            return self.files[place]
        os.close(self.files[place])
        self.files[place] = file
        return file


def main() -> None:
    """Body of the filter process: orders on stdin, then copy until both pipes are closed.

    The pipes are the descriptors named by the two arguments, stdout's first.
    """
    orders = marshal.loads(sys.stdin.buffer.read())
    masker = None
    if orders["secrets"]:
        from dagu_core.base.masking import Masker
        from dagu_core.engine.kernel import forbid_dumps

        forbid_dumps()
        masker = Masker(orders["secrets"])
    pipes = [int(text) for text in sys.argv[1:3]]
    sinks = {
        pipe: Sink(stream, masker, orders["limit"])
        for pipe, stream in zip(pipes, orders["streams"], strict=True)
    }
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    while sinks:
        ready = poll.poll(IDLE * 1000 if masker else None)
        if not ready:
            for sink in sinks.values():
                sink.idle()
        for pipe, _ in ready:
            data = os.read(pipe, _CHUNK)
            if data:
                sinks[pipe].feed(data)
            else:
                poll.unregister(pipe)
                os.close(pipe)
                sinks.pop(pipe).close()
