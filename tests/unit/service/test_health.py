"""The health page: one small answer, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest

from dagu_core.service import health
from dagu_core.service.health import HealthPage


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        (b"GET /health HTTP/1.1", b"200 OK", b'{"status": "healthy"}'),
        (b"GET /health?x=1 HTTP/1.0", b"200 OK", b'{"status": "healthy"}'),
        (b"HEAD /health HTTP/1.1", b"200 OK", b""),
        (b"GET / HTTP/1.1", b"404 Not Found", b'{"status": "not found"}'),
        (b"POST /health HTTP/1.1", b"404 Not Found", b'{"status": "not found"}'),
        (b"nonsense", b"404 Not Found", b'{"status": "not found"}'),
    ],
)
def test_it_answers(request_line: bytes, status: bytes, body: bytes) -> None:
    async def main() -> bytes:
        port = free_port()
        async with HealthPage("127.0.0.1", port, lambda: {"status": "healthy"}, print):
            return await ask(port, request_line + b"\r\nHost: x\r\n\r\n")

    head, _, found = asyncio.run(main()).partition(b"\r\n\r\n")
    assert status in head.split(b"\r\n")[0] and found == body


def test_a_port_that_is_taken_is_said_and_stops_nobody() -> None:
    said: list[str] = []

    async def main() -> None:
        port = free_port()
        async with (
            HealthPage("127.0.0.1", port, lambda: {"number": 1}, said.append),
            HealthPage("127.0.0.1", port, lambda: {"number": 2}, said.append),
            HealthPage("127.0.0.1", 0, dict, said.append),
        ):
            assert b'"number": 1' in await ask(port, b"GET /health HTTP/1.1\r\n\r\n")

    asyncio.run(main())
    assert len(said) == 1 and "cannot listen on 127.0.0.1:" in said[0]


@pytest.mark.parametrize("insists", [True, False])
def test_a_port_that_gets_free_is_taken(insists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    if insists:
        monkeypatch.setattr(health, "BEAT", 3600.0)
        monkeypatch.setattr(health, "_AGAIN", 3600.0)

    async def main() -> bytes:
        port = free_port()
        async with AsyncExitStack() as first:
            await first.enter_async_context(HealthPage("127.0.0.1", port, lambda: {"number": 1}, said.append))
            async with HealthPage("127.0.0.1", port, lambda: {"number": 2}, said.append) as page:
                await first.aclose()
                if insists:
                    page.insist()
                async with asyncio.timeout(20):
                    while len(said) < 2:
                        await asyncio.sleep(0.01)
                return await ask(port, b"GET /health HTTP/1.1\r\n\r\n")

    assert b'"number": 2' in asyncio.run(main())
    assert "the health page is on 127.0.0.1:" in said[1]
