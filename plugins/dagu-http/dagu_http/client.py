"""The one place that knows the HTTP library: a client that connects to checked addresses only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import httpcore
import httpx

from dagu_core import Invalid
from dagu_http.config import Connection
from dagu_http.network import Policy, Refused
from dagu_http.trust import Trust

#: seconds a look-up of the target may take when a proxy will do its own
_GLANCE = 2.0


class Backend(httpcore.AnyIOBackend):
    """Looks a name up once, judges what it finds, and connects to that very address."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout or 10.0)
        try:
            async with asyncio.timeout_at(end):
                addresses = await self._policy.addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name server did not answer") from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: no such name") from error
        failure: Exception = httpcore.ConnectTimeout("no time left")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = max(0.1, (end - loop.time()) / left)
            try:
                return await super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class Body(httpx.AsyncByteStream):
    """The stream of an answer."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Transport(httpx.AsyncBaseTransport):
    """Connections made as the user says; a TLS context is made by whoever needs one first."""

    def __init__(self, connection: Connection, trust: Trust, policy: Policy, env: Mapping[str, str]) -> None:
        self._connection, self._trust, self._policy, self._env = connection, trust, policy, env
        self._pools: dict[tuple[bool, str], httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("http", "https") or not url.host:
            raise Refused("only http:// and https:// can be asked for")
        if not 0 < (url.port or 80) < 65536:
            raise Invalid("the URL is not valid: ports end at 65535")
        proxy = self._proxy(url)
        if proxy:
            await self._glance(url)
        pool = await self._pool(url.scheme == "https", proxy)
        answer = await pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=Body(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    def _proxy(self, url: httpx.URL) -> str:
        if self._connection.proxy:
            return "" if self._connection.proxy == "none" else self._connection.proxy
        known = {name.lower(): value for name, value in self._env.items() if name.lower().endswith("_proxy")}
        proxy = known.get(f"{url.scheme}_proxy") or known.get("all_proxy") or ""
        place = f"{url.host}:{url.port}" if url.port else url.host
        if proxy and proxy_bypass_environment(place, {"no": known.get("no_proxy", "")}):
            return ""
        return proxy if not proxy or "://" in proxy else f"http://{proxy}"

    async def _glance(self, url: httpx.URL) -> None:
        """Judge a target that a proxy is going to look up by itself, as far as it is known here."""
        try:
            async with asyncio.timeout(_GLANCE):
                await self._policy.addresses(url.host, url.port or 0)
        except (OSError, TimeoutError):
            pass

    async def _pool(self, secure: bool, proxy: str) -> httpcore.AsyncConnectionPool:
        key = secure, proxy
        if key not in self._pools:
            secure = secure or proxy.startswith("https:")
            # Reading the authorities takes 20 ms: not paid by plain requests, nor by the event loop.
            context = await asyncio.to_thread(self._trust.context) if secure else None
            self._pools[key] = _pool(context, Backend(self._policy), proxy)
        return self._pools[key]


def _pool(context: ssl.SSLContext | None, backend: Backend, proxy: str) -> httpcore.AsyncConnectionPool:
    if not proxy:
        return httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend)
    try:
        url = httpx.URL(proxy)
    except httpx.InvalidURL:
        raise Invalid("the URL of the proxy is not valid") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Invalid("a proxy is http://HOST:PORT or https://HOST:PORT")
    auth = (url.username.encode(), url.password.encode()) if url.username else None
    return httpcore.AsyncHTTPProxy(
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
        proxy_auth=auth,
        ssl_context=context,
        proxy_ssl_context=context if url.scheme == "https" else None,
        network_backend=backend,
    )


def open_client(
    connection: Connection,
    trust: Trust,
    policy: Policy,
    env: Mapping[str, str],
    *,
    connect: float,
    idle: float,
) -> httpx.AsyncClient:
    """A client for one conversation; close it. `env` may name proxies, whatever the case of names."""
    return httpx.AsyncClient(
        transport=Transport(connection, trust, policy, env),
        timeout=httpx.Timeout(idle, connect=connect, pool=None),
        trust_env=False,
    )
