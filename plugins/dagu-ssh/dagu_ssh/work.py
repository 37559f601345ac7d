"""The step's own process: connects, copies, runs the commands, and sees to their end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from dagu_core.contracts.work import Failed, Stopped
from dagu_ssh import remote_shell
from dagu_ssh.connection import Target, connect
from dagu_ssh.copies import Copies
from dagu_ssh.pulse import Pulse
from dagu_ssh.session import Lost, Session

if TYPE_CHECKING:
    from paramiko import Transport

_IS_ENDED = "its host ends it as soon as it notices"
_MAY_GO_ON = "it may go on there"
#: whatever a step may be told to stop with
_SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")


class _Stop:
    """The signal that told this process to stop."""

    number = signal.SIGTERM

    def listen(self) -> None:
        """From now on a stop raises Stopped, once."""
        self._each(self._stopped)

    def _stopped(self, number: int, frame: object) -> NoReturn:
        self._each(signal.SIG_IGN)
        self.number = signal.Signals(number)
        raise Stopped

    def _each(self, handler: Any) -> None:
        for name in _SIGNALS:
            if (number := getattr(signal, name, None)) is not None:
                signal.signal(number, handler)


def main(request: dict[str, Any]) -> int:
    """Do the step; the exit code of the first command that fails, or 0."""
    # The library logs traces of every broken connection.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    logging.getLogger("paramiko").propagate = False
    stop = _Stop()
    stop.listen()
    if request["agent"]:
        os.environ["SSH_AUTH_SOCK"] = request["agent"]
    target = Target.of(request["target"])
    transport = connect(target, _tell)
    try:
        return _Step(request, target, transport, stop).run()
    finally:
        transport.close()


@contextmanager
def _in_doubt(word: str, fate: str) -> Iterator[None]:
    """Leave word in a file that the end of a command is not known, until it is: even a process that is
    killed then tells the truth."""
    unknown = f"whether it did its work is not known, and {fate}"
    _write(word, f"the process that held the connection was killed; {unknown}")
    try:
        yield
    except Lost as lost:
        _write(word, f"{lost}; {unknown}")
        raise Failed(f"{lost}; {unknown}", 255) from None
    except BaseException:
        os.unlink(word)
        raise
    os.unlink(word)


def _write(file: str, text: str) -> None:
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text)


class _Step:
    def __init__(self, request: dict[str, Any], target: Target, transport: Transport, stop: _Stop) -> None:
        self._request, self._target, self._transport, self._stop = request, target, transport, stop
        transport.channel_timeout = target.timeout
        self._pulse = Pulse(transport, request["keep_alive"])

    def run(self) -> int:
        self._copy("upload")
        commands = self._request["commands"]
        for number, command in enumerate(commands, 1):
            if code := self._command(command):
                if len(commands) > 1:
                    _tell(f"command {number} failed")
                return code
        self._copy("download")
        return 0

    def _copy(self, way: str) -> None:
        if pairs := self._request[way]:
            copies = Copies(self._transport, self._target.place, self._request["token"], _tell)
            for source, to in pairs:
                getattr(copies, way)(source, to)

    def _command(self, command: Any) -> int:
        from paramiko import SSHException

        plain, token, grace = self._request["plain"], self._request["token"], self._request["grace"]
        try:
            channel = self._transport.open_session()
        except (SSHException, EOFError) as error:
            raise Failed(f"{self._target.place} refuses a session: {error}", 255) from None
        session = Session(channel, self._pulse, token=token, plain=plain, place=self._target.place)
        with _in_doubt(self._request["lost"], _MAY_GO_ON if plain else _IS_ENDED):
            try:
                if plain:
                    session.start(command, b"")
                else:
                    env: dict[str, str] = self._request["env"]
                    lines = remote_shell.lines(command, env, token=token, grace=_patience(grace))
                    session.start(remote_shell.bootstrap(token), lines)
                return session.wait()
            except Stopped:
                until = time.monotonic() + 0.95 * grace
                if not session.stop(self._stop.number, _patience(grace), until):
                    _tell(f"{self._target.place} did not confirm that the command ended: it may go on")
                raise
            finally:
                session.close()


def _patience(grace: float) -> float:
    """The seconds the other side waits before it kills: a little less than the engine gives us, so
    that we see the end."""
    return grace - min(1.0, grace / 4)


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode("utf-8", "surrogateescape"))
