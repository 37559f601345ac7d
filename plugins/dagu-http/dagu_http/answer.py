"""What is made of an answer: text or JSON in the log, or a file."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, cast

import httpx

from dagu_core import Attempt, SystemClock
from dagu_http.config import HttpConfig
from dagu_http.failure import Failure
from dagu_http.order import Order

_GIB = 1 << 30
_JSON_LIMIT = 16 << 20
#: bytes a decompressor may give at a time, whatever it was given
_PIECE = 1 << 18

Head = list[tuple[str, str]]


class Answer:
    """One answer of a server, its body unread."""

    def __init__(self, response: httpx.Response, order: Order) -> None:
        self._response, self._order = response, order
        encoding = response.headers.get("content-encoding", "").strip().lower()
        self._packed = encoding in ("gzip", "x-gzip") and order.decodes
        self.status = response.status_code
        self.head = _head(response, unpacked=self._packed)
        #: whether part of it is where it cannot be taken back from
        self.is_out = False

    @property
    def title(self) -> str:
        """`404 Not Found`."""
        return f"{self.status} {self._response.reason_phrase}".strip()

    async def deliver(self, attempt: Attempt[HttpConfig], *, expected: bool) -> None:
        """Write it the way the config says. Raises Failure when the body cannot be had."""
        config = self._order.config
        if config.json_:
            await self._as_json(attempt, config.max_body_bytes or _JSON_LIMIT, expected)
        elif config.save_to and expected:
            await self._to_file(attempt)
            if not config.silent:
                await attempt.stdout.write(self._head_text())
        else:
            await self._to_log(attempt, with_head=not (config.silent and expected))

    async def _to_log(self, attempt: Attempt[HttpConfig], *, with_head: bool) -> None:
        limit = self._order.config.max_body_bytes or _GIB
        self._refuse_announced(limit)
        self.is_out = True
        if with_head:
            await attempt.stdout.write(self._head_text())
        async with aclosing(self._body(limit)) as body:
            async for piece in body:
                await attempt.stdout.write(piece)

    async def _as_json(self, attempt: Attempt[HttpConfig], limit: int, expected: bool) -> None:
        self._refuse_announced(limit)
        data = bytearray()
        async with aclosing(self._body(limit)) as body:
            async for piece in body:
                data += piece
        headers: dict[str, list[str]] = {}
        for name, value in self.head:
            headers.setdefault(name, []).append(value)
        content = _parsed(bytes(data), expected)
        facts = {"status_code": self.status, "headers": headers, "body": content}
        try:
            text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
        except ValueError:
            raise Failure("the answer is not JSON: a number is out of range", passes=False) from None
        self.is_out = True
        await attempt.stdout.write(text.encode("utf-8", "surrogatepass"))

    async def _to_file(self, attempt: Attempt[HttpConfig]) -> None:
        config = self._order.config
        target = self._order.path(config.save_to)
        limit = config.max_body_bytes
        self._refuse_announced(limit)
        target.parent.mkdir(parents=True, exist_ok=True)
        mark = f"{attempt.run.run_id}.{attempt.step.index}.{attempt.number}"
        part = target.with_name(f".{target.name[:80]}.{mark}.part")
        try:
            with part.open("wb") as file:
                async with aclosing(self._body(limit)) as body:
                    async for piece in body:
                        file.write(piece)
            part.replace(target)
        except OSError as error:
            raise Failure(f"{target}: {error.strerror}", passes=False) from None
        finally:
            part.unlink(missing_ok=True)

    async def _body(self, limit: int) -> AsyncGenerator[bytes, None]:
        size = 0
        raw = cast("AsyncGenerator[bytes, None]", self._response.aiter_raw())
        async with aclosing(raw), aclosing(_unpacked(raw) if self._packed else raw) as pieces:
            async for piece in pieces:
                size += len(piece)
                if limit and size > limit:
                    _too_large(limit)
                yield piece

    def _refuse_announced(self, limit: int) -> None:
        length = self._response.headers.get("content-length", "")
        if limit and length.isdecimal() and int(length) > limit and self._order.method != "HEAD":
            _too_large(limit)

    def _head_text(self) -> bytes:
        lines = [f"{self.title}\n", *(f"{name}: {value}\r\n" for name, value in self.head)]
        return "".join(lines).encode("utf-8", "surrogateescape")


def _too_large(limit: int) -> NoReturn:
    raise Failure(f"the body of the answer has more than {limit} bytes (`maxBodyBytes`)", passes=False)


def retry_after(value: str) -> float:
    """Seconds a Retry-After header asks to wait; 0 when it says nothing."""
    if value.strip().isdecimal():
        return float(value)
    try:
        due = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    due = due if due.tzinfo else due.replace(tzinfo=UTC)
    return max(0.0, due.timestamp() - SystemClock().now())


async def _unpacked(raw: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The content of gzip data, in small pieces however well it was packed."""
    inflate, begun = zlib.decompressobj(31), False
    try:
        async for data in raw:
            while data:
                if inflate.eof:
                    inflate = zlib.decompressobj(31)
                begun = True
                if piece := inflate.decompress(data, _PIECE):
                    yield piece
                data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        if begun and (rest := inflate.flush()):
            yield rest
    except zlib.error:
        raise Failure("the body of the answer is not the gzip data it should be", passes=False) from None
    if begun and not inflate.eof:
        raise Failure("the body of the answer ended too early")


def _head(response: httpx.Response, *, unpacked: bool) -> Head:
    """The headers by name; those that tell how the body came here are left out where they no
    longer hold."""
    gone = {"transfer-encoding", *(("content-encoding", "content-length") if unpacked else ())}
    pairs = [
        (_canonical(name.decode("latin-1")), value.decode("utf-8", "surrogateescape"))
        for name, value in response.headers.raw
        if name.decode("latin-1").lower() not in gone
    ]
    return sorted(pairs, key=lambda pair: pair[0])


def _canonical(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))


def _parsed(data: bytes, expected: bool) -> Any:
    """The JSON in a body, keys in order of the alphabet; an empty body is null. What comes with an
    unexpected status may be any text."""
    text = data.decode("utf-8", "replace")
    if not text.strip():
        return None
    try:
        return json.loads(text, object_pairs_hook=_sorted, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if not expected:
            return text
        where = (
            f" at line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise Failure(f"the answer is not JSON{where}", passes=False) from None


def _sorted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(pairs))


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
