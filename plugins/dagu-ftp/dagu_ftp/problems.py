"""What can go wrong on the way to and from a server, and the exit code that says so."""

from __future__ import annotations

import errno
import ssl
import sys
from collections.abc import Callable

USAGE, UNAVAILABLE, INCOMPLETE, LOGIN, IDENTITY, MISSING, FULL = 2, 5, 20, 21, 22, 23, 24

#: hears of what is not as safe as it looks, a line at a time
Warn = Callable[[str], None]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Problem(Exception):
    """One thing that failed. `is_passing` tells that a new connection may well succeed."""

    def __init__(self, message: str, code: int = INCOMPLETE, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_passing = is_passing

    @property
    def ends_everything(self) -> bool:
        """Whether there is no point in going on to the next file."""
        return self.code in (UNAVAILABLE, LOGIN, IDENTITY, FULL)


def warn_on_stderr(line: str) -> None:
    """Where the warnings of a step go."""
    sys.stderr.write(f"warning: {line}\n")


class Interrupted(BaseException):
    """The step is being stopped; passes through everything, as no handler of errors should take it."""


def problem_of(error: Exception) -> Problem:
    """What an error of the system, of a socket or of TLS means."""
    if isinstance(error, Problem):
        return error
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return Problem(f"the certificate of the server is not trusted: {error.verify_message}", IDENTITY)
    if isinstance(error, TimeoutError):
        return Problem(f"the server did not answer in time ({text})", UNAVAILABLE, is_passing=True)
    if isinstance(error, (ConnectionError, EOFError, ssl.SSLError)):
        return Problem(f"the connection was lost ({text})", UNAVAILABLE, is_passing=True)
    if isinstance(error, UnicodeError):
        return Problem(f"a name that the encoding of the server does not allow ({text})")
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return Problem(f"no space left: {text}", FULL)
        if isinstance(error, FileNotFoundError):
            return Problem(text, MISSING)
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EBADF, errno.ENOTCONN):
            return Problem(f"the connection was lost ({text})", UNAVAILABLE, is_passing=True)
    return Problem(text)
