"""The other side of `WorkerExecutor`: runs one function in the step's own process.

Imports nothing of the rest, so that the process is up fast.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn


class Failed(Exception):
    """Ends the work with a message on stderr and an exit code, without a trace."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Stopped(BaseException):
    """The step is being stopped: let go of everything and let this pass."""


def run(work: str, request: str) -> None:
    """Read the request, remove it, call `work` ("module:function") with its data, exit."""
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, _stopped)
    try:
        with open(request, encoding="utf-8", errors="surrogateescape") as file:
            data: Any = json.load(file)
        os.unlink(request)
        module, _, function = work.partition(":")
        code = getattr(import_module(module), function)(data) or 0
        sys.stdout.flush()
    except Failed as error:
        code = _told(str(error), error.code)
    except Stopped:
        code = 128 + signal.SIGTERM
    except BrokenPipeError:
        code = 141
    except MemoryError:
        code = _told("out of memory", 1)
    except Exception as error:
        code = _told(f"{type(error).__name__}: {error}", 1)
    _leave(code)


def _stopped(number: int, frame: object) -> NoReturn:
    raise Stopped


def _told(message: str, code: int) -> int:
    try:
        sys.stdout.flush()
        sys.stderr.write(f"{message}\n")
    except OSError:
        pass  # a full disk: the code alone must do
    return code


def _leave(code: int) -> NoReturn:
    try:
        sys.stderr.flush()
        sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)
