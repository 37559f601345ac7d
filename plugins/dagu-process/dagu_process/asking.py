"""Asks an executable something outside of a run: `describe` and `validate`."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from dagu_core import PluginError
from dagu_process.messages import Broken, Lines, decode, encode

#: seconds an executable has to answer everything it was asked
BUDGET = 5.0
#: all that it sees of the environment then
_VISIBLE = ("PATH", "HOME", "LANG", "TMPDIR")
_TAIL = 500


def ask(path: Path, questions: Sequence[Mapping[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """The answers of type `wanted`, one to each question, in order; the process is ended then.

    Raises PluginError for everything that goes wrong, within BUDGET seconds.
    """
    env = {name: os.environ[name] for name in _VISIBLE if name in os.environ}
    try:
        process = subprocess.Popen(
            [path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=env,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise PluginError(f"cannot be started: {error.strerror}") from None
    try:
        return _answers(process, b"".join(map(encode, questions)), len(questions), wanted)
    except Broken as error:
        raise PluginError(f"asked to {questions[0]['type']}: {error}") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


def _answers(
    process: subprocess.Popen[bytes], questions: bytes, count: int, wanted: str
) -> list[dict[str, Any]]:
    assert process.stdin and process.stdout and process.stderr
    lines, found, said, unsent = Lines(), list[dict[str, Any]](), b"", bytearray(questions)
    until = monotonic() + BUDGET
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while len(found) < count:
            if (left := until - monotonic()) <= 0:
                raise Broken(f"no answer within {BUDGET:g} s{_quoted(said)}")
            for key, _ in selector.select(left):
                if key.fileobj is process.stdin:
                    if not unsent or not _sent(process.stdin.fileno(), unsent):
                        selector.unregister(process.stdin)
                elif key.fileobj is process.stderr:
                    data = os.read(key.fd, 65536)
                    said = (said + data)[-_TAIL:]
                    if not data:
                        selector.unregister(process.stderr)
                else:
                    data = os.read(key.fd, 65536)
                    for number, line in (*lines.feed(data), *(() if data else lines.close())):
                        if line.strip():
                            found.append(_answer(decode(number, line), wanted))
                    if not data and len(found) < count:
                        raise Broken(f"it ended without an answer{_quoted(said)}")
    return found[:count]


def _sent(descriptor: int, unsent: bytearray) -> bool:
    """Write what fits; False when nobody reads any more."""
    try:
        del unsent[: os.write(descriptor, unsent[:65536])]
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def _answer(message: dict[str, Any], wanted: str) -> dict[str, Any]:
    if message["type"] != wanted:
        raise Broken(f"it answered with `{message['type'][:40]}`, not with `{wanted}`")
    return message


def _quoted(said: bytes) -> str:
    text = " ".join(said.decode("utf-8", "replace").split())
    return f"; it said: {text}" if text else ""
