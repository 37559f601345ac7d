"""The health page of a service: one small answer over HTTP, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from dagu_core.service.beat import BEAT, heard

_PATIENCE = 5.0
#: seconds until a port that is taken is tried again, doubling up to a beat
_AGAIN = 0.1


class HealthPage:
    """Answers `GET /health` with what `tell` says. A port of 0 or less = no page. A port that is taken
    is said, and no reason to stop: a stand-by on the same host has the same one. It is tried again
    until it is free, more rarely with the time, and anew after `insist`."""

    def __init__(
        self, host: str, port: int, tell: Callable[[], Mapping[str, Any]], say: Callable[[str], None]
    ) -> None:
        self._host, self._port, self._tell, self._say = host, port, tell, say
        self._server: asyncio.Server | None = None
        self._trying: asyncio.Task[None] | None = None
        self._insisted = asyncio.Event()

    async def __aenter__(self) -> HealthPage:
        if self._port > 0 and (why := await self._listen()):
            self._say(f"no health page: cannot listen on {self._where}: {why} (scheduler.port)")
            self._trying = asyncio.create_task(self._try_again())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    def insist(self) -> None:
        """Try for the port now, if it is not ours: whoever had it may have died."""
        self._insisted.set()

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    async def _listen(self) -> str:
        """Open the port; why it cannot be, "" = it is open."""
        try:
            self._server = await asyncio.start_server(self._answer, self._host, self._port)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    async def _try_again(self) -> None:
        pause = _AGAIN
        while True:
            pause = min(2 * pause, BEAT)
            if await heard(self._insisted, pause):
                self._insisted.clear()
                pause = _AGAIN
            if not await self._listen():
                self._say(f"the health page is on {self._where}")
                return

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].split(b" ")
                found = (
                    head[0] in (b"GET", b"HEAD") and len(head) > 1 and head[1].split(b"?")[0] == b"/health"
                )
                body = json.dumps(self._tell() if found else {"status": "not found"}).encode()
                status = b"200 OK" if found else b"404 Not Found"
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                    b"Connection: close\r\n\r\n%s" % (status, len(body), b"" if head[0] == b"HEAD" else body)
                )
                await writer.drain()
        writer.close()
