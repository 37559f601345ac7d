"""A loop in a thread of its own, and the servers that are no good: one too slow, one too loud."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any


class Loop:
    """A loop in a thread of its own, for servers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._connections: list[Any] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def serve(self, connected: Callable[[], Any], context: ssl.SSLContext | None = None) -> int:
        """Listen on a free port of loopback, and tell it."""

        def watched() -> Any:
            protocol = connected()
            made = protocol.connection_made

            def connection_made(transport: Any) -> None:
                self._connections.append(transport)
                made(transport)

            protocol.connection_made = connection_made
            return protocol

        listening = self.loop.create_server(watched, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(listening, self.loop).result(10)
        self._connections.append(server)
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        async def end() -> None:
            for each in self._connections:
                each.close() if isinstance(each, asyncio.Server) else each.abort()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class TarPit(asyncio.Protocol):
    """Says one byte now and then, and never anything of use."""

    def __init__(self, pace: float) -> None:
        self.pace = pace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.drip()

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"2")
            asyncio.get_running_loop().call_later(self.pace, self.drip)


class Flood(asyncio.Protocol):
    """Greets without end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.resume_writing()

    def resume_writing(self) -> None:
        self.is_full = False
        while not (self.is_full or self.transport.is_closing()):
            self.transport.write(b"220-" + b"x" * 1000 + b"\r\n")

    def pause_writing(self) -> None:
        self.is_full = True
