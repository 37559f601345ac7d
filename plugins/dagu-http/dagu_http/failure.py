"""What went wrong with a request, in a sentence that holds no header, query or password."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpcore
import httpx

from dagu_core import DaguError

_LONGEST = 200
#: what the library raises, its own words and those of the layer below
TROUBLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
    DaguError,
)


@dataclass(eq=False)
class Failure(Exception):
    """A try that came to nothing. `passes` = it may go better next time; `reached` = the server may
    have begun to act on it."""

    message: str
    passes: bool = True
    reached: bool = True


def explain(error: Exception, where: str, *, connect: float, idle: float) -> Failure:
    """The failure behind an exception of the library."""
    chain = list(_chain(error))
    if refused := next((each for each in chain if isinstance(each, DaguError)), None):
        hint = f" ({refused.hint})" if refused.hint else ""
        return Failure(f"{refused}{hint}", passes=False, reached=False)
    if distrust := next((each for each in chain if isinstance(each, ssl.SSLCertVerificationError)), None):
        why = distrust.verify_message or "certificate verify failed"
        return Failure(f"{where}: the certificate is not trusted: {why}", passes=False, reached=False)
    match error:
        case httpx.InvalidURL():
            return Failure("the URL is not valid", passes=False, reached=False)
        case httpcore.ConnectTimeout():
            return Failure(f"{where}: no connection within {connect:g} s", reached=False)
        case httpcore.ReadTimeout():
            return Failure(f"{where}: nothing came for {idle:g} s (`idleTimeout`)")
        case httpcore.WriteTimeout():
            return Failure(f"{where}: nothing could be sent for {idle:g} s (`idleTimeout`)")
        case httpcore.ConnectError():
            return Failure(f"{where}: cannot connect: {_cause(chain)}", reached=False)
        case httpcore.ProxyError():
            return Failure(f"{where}: the proxy refused: {_short(error)}", reached=False)
        case httpcore.LocalProtocolError() | httpx.LocalProtocolError():
            return Failure(f"{where}: this cannot be sent as HTTP", passes=False)
        case (
            httpx.RemoteProtocolError()
            | httpcore.RemoteProtocolError()
            | httpcore.ReadError()
            | httpcore.WriteError()
        ):
            return Failure(f"{where}: the connection broke: {_cause(chain)}")
        case OSError() if error.filename:
            return Failure(f"{error.filename}: {error.strerror}", passes=False)
        case OSError():
            return Failure(_cause(chain), passes=False)
    return Failure(f"{where}: {type(error).__name__}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _cause(chain: list[BaseException]) -> str:
    """The words of the operating system or of TLS where there are some, else of the library."""
    for each in chain:
        if isinstance(each, ssl.SSLError):
            return "TLS: " + (each.reason or "handshake failed").replace("_", " ").lower()
        if isinstance(each, socket.gaierror):
            return "no such name"
        if isinstance(each, OSError) and each.strerror:
            return each.strerror if each.errno is None else _words(each.errno, each.strerror)
    return _short(chain[0])


def _words(number: int, text: str) -> str:
    # asyncio puts the address into the text of the error
    return os.strerror(number) if number > 0 else text


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
