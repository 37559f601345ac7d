"""One command on the other machine: its output, its end, and its stop."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagu_core.contracts.work import Failed
from dagu_ssh import remote_shell
from dagu_ssh.marks import Marks

if TYPE_CHECKING:
    from paramiko import Channel

    from dagu_ssh.pulse import Pulse

_CHUNK = 64 << 10
#: seconds to wait for output after the end of a command nobody looks after
_DRAIN = 2.0


class Lost(Exception):
    """Nobody can know how the command ended."""


class Stream:
    """Reads one stream of the command in a thread of its own: a full one must not hold up the other."""

    def __init__(self, recv: Callable[[int], bytes], marks: Marks, pulse: Pulse) -> None:
        self._recv, self.marks, self._pulse = recv, marks, pulse
        self.over = threading.Event()
        self.error: OSError | None = None
        self.last = time.monotonic()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while (data := self._recv(_CHUNK)) and not self.marks.ended:
                self.last = time.monotonic()
                self._pulse.beat()
                self.marks.feed(data)
                if self.marks.ended:
                    break
            self.marks.flush()
        except OSError as error:
            self.error = error
        self.over.set()


class Session:
    """A command on the other machine: `start` it, `wait` for its exit code, or `stop` it."""

    def __init__(self, channel: Channel, pulse: Pulse, *, token: str, plain: bool, place: str) -> None:
        self._channel, self._pulse, self._plain, self._place = channel, pulse, plain, place
        mark = token.encode()
        # What the login shell says before the command begins is not its output.
        self._out_marks, self._err_marks = Marks(mark, 1 if plain else 2, 1), Marks(mark, 2, 2)
        self._streams: list[Stream] = []

    def start(self, line: str, stdin: bytes) -> None:
        """Have the server run `line` and give it `stdin`. Raises Failed when it refuses."""
        from paramiko import SSHException

        try:
            self._channel.exec_command(line.encode("utf-8", "surrogateescape"))
        except (SSHException, EOFError) as error:
            raise Failed(f"{self._place} refuses to run a command: {error}", 255) from None
        self._streams = [
            Stream(self._channel.recv, self._out_marks, self._pulse),
            Stream(self._channel.recv_stderr, self._err_marks, self._pulse),
        ]
        # Whether anybody read it shows in how the command ends.
        with contextlib.suppress(OSError):
            self._channel.sendall(stdin)
            if self._plain:
                self._channel.shutdown_write()

    def wait(self) -> int:
        """The exit code. Raises Lost when the connection ended first, Failed when nothing was begun."""
        for stream in self._streams:
            # A connection that breaks ends both by itself.
            while not stream.over.wait(1.0) and not self._has_drained() and not self._is_broken():
                pass
        for stream in self._streams:
            if stream.error is not None:
                raise stream.error
        if (code := self._out_marks.code) is not None:
            return code
        return self._without_mark()

    def stop(self, number: int, grace: float, until: float) -> bool:
        """Ask the other side to end the command within `grace` seconds; whether it said that it did."""
        if (
            not self._plain
            and self._streams
            and self._out_marks.started.wait(max(0.0, until - time.monotonic()) / 2)
        ):
            with contextlib.suppress(OSError):
                self._channel.sendall(remote_shell.stop_line(signal.Signals(number).name, grace))
        else:
            self._channel.close()
        for stream in self._streams:
            stream.over.wait(max(0.0, until - time.monotonic()))
        self._channel.close()
        return self._out_marks.ended

    def close(self) -> None:
        """Let go of the channel; whatever still runs there is ended by its own shell."""
        self._channel.close()

    def _without_mark(self) -> int:
        """The exit code the server tells, of what nobody looked after."""
        self._channel.status_event.wait(_DRAIN)
        code = self._channel.exit_status
        if code < 0 and self._pulse.has_stopped():
            raise Lost(f"the connection to {self._place} was cut while the command ran")
        if self._plain:
            if code < 0:
                raise Lost(f"{self._place} told no exit code: a signal ended the command there")
            return code
        if self._out_marks.started.is_set():
            raise Lost(f"the shell that looked after the command on {self._place} was killed")
        raise Failed(
            f"{self._place} gave us no POSIX shell (exit code {code})\n"
            "hint: `plain: true` sends the command as it is.",
            255,
        )

    def _has_drained(self) -> bool:
        """Whether a plain command ended and nothing comes any more, though something holds its output."""
        idle = time.monotonic() - max(stream.last for stream in self._streams)
        return self._plain and self._channel.exit_status_ready() and idle > _DRAIN

    def _is_broken(self) -> bool:
        """Whether output could not be written here."""
        return any(stream.error is not None for stream in self._streams)
