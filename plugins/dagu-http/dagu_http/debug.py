"""Tells on stderr what goes over the line, without what must stay secret."""

from __future__ import annotations

from typing import Any

import httpx

from dagu_core import Attempt
from dagu_http.order import is_secret, shown


async def tell_request(attempt: Attempt[Any], request: httpx.Request) -> None:
    """The request line and the headers."""
    line = f"> {request.method} {shown(str(request.url))}"
    await attempt.stderr.write("\n".join([line, *_headers(">", request.headers)]).encode() + b"\n")


async def tell_answer(attempt: Attempt[Any], response: httpx.Response) -> None:
    """The status line and the headers."""
    line = f"< {response.status_code} {response.reason_phrase}"
    await attempt.stderr.write("\n".join([line, *_headers("<", response.headers)]).encode() + b"\n")


def _headers(mark: str, headers: httpx.Headers) -> list[str]:
    return [f"{mark} {name}: {'***' if is_secret(name) else value}" for name, value in headers.multi_items()]
