"""Asks, follows redirects, asks again, and delivers the answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from dagu_core import Attempt, Outcome
from dagu_http.answer import Answer, retry_after
from dagu_http.client import open_client
from dagu_http.config import HttpConfig, is_one_of
from dagu_http.debug import tell_answer, tell_request
from dagu_http.failure import TROUBLE, Failure, explain
from dagu_http.network import Policy
from dagu_http.order import Order, is_secret, shown
from dagu_http.trust import Trust

IDLE = 60.0
REDIRECTS = 5
#: seconds a server may make us wait before the next try
_LONGEST_WAIT = 300.0
_BLOCK = 1 << 16


class FileBody(httpx.AsyncByteStream):
    """A file as a body that can be sent again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


@dataclass(eq=False)
class Again(Exception):
    """The server answered, and it is worth asking once more after `wait` seconds."""

    title: str
    wait: float


@dataclass(slots=True)
class Exchange:
    """One attempt's conversation with a server; `tries` counts the questions."""

    attempt: Attempt[HttpConfig]
    order: Order
    tries: int = 0
    is_out: bool = False

    @property
    def config(self) -> HttpConfig:
        return self.order.config

    @property
    def idle(self) -> float:
        return self.config.idle_timeout or self.config.timeout or IDLE

    @property
    def may_ask_again(self) -> bool:
        return self.config.retry is not None and self.tries <= self.config.retry.limit

    async def hold(self) -> Outcome:
        """Ask until there is an answer to keep, or no try left."""
        env = _environment(self.attempt)
        trust, policy = Trust(self.config, self.order.folder), Policy.in_force(self.attempt.dag_fields)
        limits = {"connect": self.config.connect_timeout, "idle": self.idle}
        async with open_client(self.config, trust, policy, env, **limits) as client:
            while True:
                self.tries += 1
                try:
                    return await self._bounded(client)
                except Again as again:
                    await self._wait(f"the answer was {again.title}", again.wait)
                except Failure as failure:
                    retry = self.config.retry
                    lasting = not failure.passes or self.is_out
                    unsafe = failure.reached and not self.order.is_repeatable
                    if retry is None or lasting or unsafe or not self.may_ask_again:
                        return Outcome(exit_code=1, message=failure.message)
                    await self._wait(failure.message, retry.interval_sec)

    async def _bounded(self, client: httpx.AsyncClient) -> Outcome:
        try:
            async with asyncio.timeout(self.config.timeout or None):
                return await self._ask(client)
        except TimeoutError:
            where = shown(self.order.url)
            told = f"{where}: not done within {self.config.timeout:g} s; the server may go on with it"
            raise Failure(told) from None

    async def _ask(self, client: httpx.AsyncClient) -> Outcome:
        where = shown(self.order.url)
        try:
            async with AsyncExitStack() as files:
                request = self._request(client, files)
                for _ in range(REDIRECTS + 1):
                    where = shown(str(request.url))
                    if self.config.debug:
                        await tell_request(self.attempt, request)
                    response = await client.send(request, stream=True, follow_redirects=False)
                    try:
                        if self.config.debug:
                            await tell_answer(self.attempt, response)
                        if response.next_request is None or not self.config.follow_redirects:
                            return await self._deliver(response)
                        request = _redirected(request, response.next_request)
                    finally:
                        await response.aclose()
                raise Failure(f"{where}: redirected more than {REDIRECTS} times", passes=False)
        except TROUBLE as error:
            raise explain(error, where, connect=self.config.connect_timeout, idle=self.idle) from None

    async def _deliver(self, response: httpx.Response) -> Outcome:
        answer = Answer(response, self.order)
        expected = is_one_of(answer.status, self.config.expect)
        retry = self.config.retry
        if retry is not None and not expected and is_one_of(answer.status, retry.on) and self.may_ask_again:
            wanted = retry_after(response.headers.get("retry-after", ""))
            if wanted <= _LONGEST_WAIT:
                raise Again(answer.title, max(retry.interval_sec, wanted))
        try:
            await answer.deliver(self.attempt, expected=expected)
        finally:
            self.is_out = answer.is_out
        if expected:
            return Outcome(details={"statusCode": answer.status})
        codes = ", ".join(map(str, self.config.expect))
        told = f"http status code not {codes}: {answer.status}"
        return Outcome(exit_code=1, message=told, details={"statusCode": answer.status})

    def _request(self, client: httpx.AsyncClient, files: AsyncExitStack) -> httpx.Request:
        order, config = self.order, self.config
        headers = [
            (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in order.headers()
        ]
        body: dict[str, Any] = {}
        if config.files:
            opened: list[tuple[str, tuple[str, IO[bytes]]]] = [
                (field, (path.name, files.enter_context(path.open("rb")))) for field, path in order.uploads()
            ]
            body = {"data": order.fields(), "files": opened}
        elif config.form:
            body = {"data": order.fields()}
        elif config.body_file:
            path = order.path(config.body_file)
            headers.append((b"Content-Length", str(path.stat().st_size).encode()))
            body = {"content": FileBody(path)}
        elif config.body:
            body = {"content": order.body}
        url = httpx.URL(order.url)
        if config.query:
            url = url.copy_merge_params(config.query)
        client.headers.clear()
        return client.build_request(order.method, url, headers=headers, **body)

    async def _wait(self, why: str, seconds: float) -> None:
        limit = self.config.retry.limit if self.config.retry else 0
        told = f"{why}; asking again in {seconds:g} s ({self.tries} of {limit})\n"
        await self.attempt.stderr.write(told.encode())
        await asyncio.sleep(seconds)


def _redirected(old: httpx.Request, new: httpx.Request) -> httpx.Request:
    """The request a redirect asks for; secrets do not go along to another server."""
    was, now = old.url, new.url
    upgraded = (was.scheme, was.port, now.scheme, now.port) == ("http", None, "https", None)
    if was.host != now.host or not ((was.scheme, was.port) == (now.scheme, now.port) or upgraded):
        for name in list(new.headers):
            if is_secret(name):
                del new.headers[name]
    return new


def _environment(attempt: Attempt[HttpConfig]) -> dict[str, str]:
    """Where proxies may be named: by the step, else for the whole engine."""
    whole = {name.lower(): value for name, value in os.environ.items()}
    return whole | {name.lower(): value for name, value in attempt.env.items()}
