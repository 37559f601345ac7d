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

from dagu_core.engine.kernel import end_full_log, open_log

#: seconds a held-back tail may wait for the rest of a secret
IDLE = 0.2
_CHUNK = 1 << 18
REMOVED = b"[this log was removed while the step ran; what follows was written after that]\n"
WITHHELD = b"[output withheld: redaction failed]\n"


class Sink:
    """Where one stream goes: files (masked), and what is kept of it for a capture."""

    def __init__(self, orders: dict[str, Any], masker: Any, limit: int) -> None:
        self.paths: list[str] = orders["sinks"]
        self.null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self.files = [self.opened(path) for path in self.paths]
        self.mask = masker.stream() if masker else None
        self.masker = masker
        self.capture: str = orders["capture"]
        self.limit = limit
        self.kept = bytearray()
        #: the log has another stream in it: write whole lines
        self.lines: bool = orders["lines"]
        self.held = b""

    def opened(self, path: str) -> int:
        """A log, or nothing when there is no room for another file: the step goes on without it."""
        try:
            return open_log(path)
        except OSError:
            return os.dup(self.null)

    def feed(self, data: bytes) -> None:
        """Take a chunk."""
        if self.capture and len(self.kept) <= self.limit:
            self.kept += data[: self.limit + 1 - len(self.kept)]
        self.give(self.mask.feed(data) if self.mask else data)

    def idle(self) -> None:
        """Nothing came for a while: show what was held back."""
        if self.mask:
            self.give(self.mask.flush())
        self.write(self.held)
        self.held = b""

    def give(self, data: bytes) -> None:
        """Write the data, but a last line that has not come to its end."""
        if self.lines:
            data = self.held + data
            end = data.rfind(b"\n") + 1 if len(data) < _CHUNK else len(data)
            data, self.held = data[:end], data[end:]
        self.write(data)

    def close(self) -> None:
        """The stream has ended."""
        self.idle()
        if self.capture:
            kept = bytes(self.kept)
            try:
                with open(self.capture, "ab", opener=private) as file:
                    file.write(self.masker.tokenize(kept) if self.masker else kept)
            except OSError:
                pass  # a full disk: whoever wants it finds nothing

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
        try:  # noqa: SIM105 - contextlib is not worth its import here
            end_full_log(file)
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


def private(path: str, flags: int) -> int:
    """Open a file that nobody else may read."""
    return os.open(path, flags, 0o600)


def main() -> None:
    """Body of the filter process: orders on stdin, then copy until both pipes are closed.

    The pipes are the descriptors named by the arguments, stdout's first; there is one when both streams
    go the same way.
    """
    orders = marshal.loads(sys.stdin.buffer.read())
    masker = None
    if orders["secrets"]:
        from dagu_core.base.masking import Masker
        from dagu_core.engine.kernel import forbid_dumps

        forbid_dumps()
        masker = Masker(orders["secrets"])
    pipes = [int(text) for text in sys.argv[1:]]
    sinks = {
        pipe: Sink(stream, masker, orders["limit"])
        for pipe, stream in zip(pipes, orders["streams"], strict=True)
    }
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    while sinks:
        waits = masker or any(sink.held for sink in sinks.values())
        ready = poll.poll(IDLE * 1000 if waits else None)
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
