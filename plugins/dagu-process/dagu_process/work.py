"""The process of a step: starts the executable and speaks with it until it has a result.

It stands under the step's supervisor, and so does everything it starts: it outlives the engine, is
found again, and is killed as one tree.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import select
import signal
from time import monotonic
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_process.messages import Broken, Lines, decode, encode, result_of

#: seconds an executable may take to end after its result, or after it closed its output
EXIT_WAIT = 5.0
#: the descriptor that is the step's stdout in the executable
_RAW_OUT = 3
_CHUNK = 1 << 16
#: how often what an ended executable has left in the pipe is read: somebody may go on writing
_LAST_READS = 1024
_FRESH = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT)
_STREAMS = {"stdout": 1, "stderr": 2}


def converse(request: dict[str, Any]) -> int:
    """Run one step; the result goes to the file `request["result"]`, its exit code is returned."""
    talk = Talk(request)
    try:
        result = talk.to_the_end()
    except Broken as error:
        talk.kill()
        result = {"exitCode": 1, "message": f"{request['path']}: {error}", "outputs": None, "retryable": True}
    place = f"{request['result']}.new"
    with os.fdopen(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(result, file)
    os.replace(place, request["result"])
    return int(result["exitCode"])


class Talk:
    """One conversation with one process."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._stops = {signal.SIGTERM, signal.SIGINT, request["stopSignal"]}
        self._stop = encode({"type": "stop", "grace": request["grace"]})
        self._lines = Lines()
        self._result: dict[str, Any] | None = None
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        for number in (*self._stops, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._code: int | None = None
        self._start(request)
        self._unsent = bytearray(encode(request["message"]))

    def _start(self, request: dict[str, Any]) -> None:
        read_in, write_in = map(_above_the_known, os.pipe())
        read_out, write_out = map(_above_the_known, os.pipe())
        moves = ((read_in, 0), (1, _RAW_OUT), (write_out, 1))
        try:
            self._pid = os.posix_spawn(
                request["path"],
                [request["path"]],
                {**os.environ, **request["variables"]},
                file_actions=[(os.POSIX_SPAWN_DUP2, here, there) for here, there in moves],
                setsigmask=(),
                setsigdef=(*_FRESH, request["stopSignal"]),
            )
        except OSError as error:
            raise Failed(f"cannot start {request['path']}: {error.strerror}", 126) from None
        os.close(read_in)
        os.close(write_out)
        os.set_blocking(write_in, False)
        self._in: int | None = write_in
        self._out: int | None = read_out

    def to_the_end(self) -> dict[str, Any]:
        """The result. Raises Broken."""
        until = 0.0
        while self._code is None:
            if not until and (self._result is not None or self._out is None):
                until = monotonic() + EXIT_WAIT
                self._close_in()
            elif until and monotonic() > until:
                break
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            if self._in is not None:
                poll.register(self._in, select.POLLOUT if self._unsent else 0)
            if self._out is not None:
                poll.register(self._out, select.POLLIN)
            for descriptor, events in poll.poll(1000 if until else None):
                if descriptor == self._wake:
                    self._woken()
                elif descriptor == self._out:
                    self._receive()
                elif not self._send(events):
                    self._close_in()
        for _ in range(_LAST_READS):
            if self._out is None or not _readable(self._out):
                break
            self._receive()
        for number, line in self._lines.close():
            self._take(number, line)
        if self._result is not None:
            self.kill()
            return self._result
        if self._code is None:
            raise Broken("it closed its output without a result")
        how = f"signal {-self._code}" if self._code < 0 else f"exit status {self._code}"
        ended = 128 - self._code if self._code < 0 else self._code or 1
        sentence = f"it ended without a result ({how})"
        return {"exitCode": ended, "message": sentence, "outputs": None, "retryable": True}

    def kill(self) -> None:
        """End the process; what it started is swept by the engine."""
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _woken(self) -> None:
        for number in os.read(self._wake, 4096):
            if number in self._stops:
                self._unsent += self._stop
                self._stop = b""  # the signal comes again and again, the message once
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)

    def _send(self, events: int) -> bool:
        """Write what fits; False when nobody reads any more, which is no mistake."""
        if self._in is None or not events & select.POLLOUT:
            return False
        try:
            del self._unsent[: os.write(self._in, self._unsent[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def _receive(self) -> None:
        """Take what there is. Raises Broken."""
        assert self._out is not None
        if data := os.read(self._out, _CHUNK):
            for number, line in self._lines.feed(data):
                self._take(number, line)
        else:
            os.close(self._out)
            self._out = None

    def _take(self, number: int, line: bytes) -> None:
        if self._result is not None or not line.strip():
            return
        try:
            message = decode(number, line)
        except Broken:
            _write(2, line + b"\n")  # whole and through the masks: it may be what explains it
            raise
        if message["type"] == "log":
            _write(_STREAMS.get(message.get("stream", "stdout"), 0), _content(number, message))
        elif message["type"] == "result":
            self._result = result_of(message)
        else:
            raise Broken(f"line {number} of its output is no message of a run: neither `log` nor `result`")

    def _close_in(self) -> None:
        if self._in is not None:
            os.close(self._in)
        self._in = None


def _content(number: int, message: dict[str, Any]) -> bytes:
    text, data = message.get("text"), message.get("data")
    if isinstance(text, str) and data is None:
        return text.encode("utf-8", "replace")
    try:
        if isinstance(data, str) and text is None:
            return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Broken(f"line {number} of its output is a `log` with neither `text` nor `data` in base64")


def _write(descriptor: int, data: bytes) -> None:
    if descriptor == 0:
        raise Broken("a `log` names a `stream` that is neither stdout nor stderr")
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def _above_the_known(descriptor: int) -> int:
    """The same pipe under a number that has no meaning in the executable."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 32)
    os.close(descriptor)
    return moved
