"""Sends one message of a webhook, once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dagu_http.answer import retry_after
from dagu_http.client import open_client
from dagu_http.failure import TROUBLE, explain
from dagu_http.network import Policy
from dagu_http.order import AGENT, check_header, shown
from dagu_http.trust import Trust
from dagu_http.webhook import Target

_CONNECT = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a try: `problem` is "" when the message was taken."""

    problem: str
    status: int = 0
    passes: bool = False
    retry_after: float = 0.0


async def send(
    target: Target, headers: Mapping[str, str], body: bytes, folder: Path, policy: Policy, limit: float
) -> Said:
    """Post it; a redirect is no delivery. Never raises for what servers and networks do."""
    where = shown(target.url).split("/")[2]  # a path is often all the secret a webhook has
    try:
        defaults = {"User-Agent": AGENT, "Content-Type": "application/json"}
        given: dict[str, tuple[str, str]] = {}
        for name, value in (*defaults.items(), *target.headers.items(), *headers.items()):
            check_header(name, value)
            given[name.lower()] = name, value
        async with (
            asyncio.timeout(limit),
            open_client(
                target, Trust(target, folder), policy, os.environ, connect=_CONNECT, idle=limit
            ) as client,
        ):
            encoded = [(name.encode(), value.encode()) for name, value in given.values()]
            request = client.build_request("POST", target.url, content=body, headers=encoded)
            response = await client.send(request, stream=True, follow_redirects=False)
            await response.aclose()
    except TROUBLE as error:
        if isinstance(error, TimeoutError):
            return Said(f"{where}: no answer within {limit:g} s", passes=True)
        failure = explain(error, where, connect=_CONNECT, idle=limit)
        return Said(failure.message, passes=failure.passes)
    if response.is_success:
        return Said("")
    told = f"{where}: the answer was {response.status_code} {response.reason_phrase}".strip()
    return Said(told, response.status_code, retry_after=retry_after(response.headers.get("retry-after", "")))
