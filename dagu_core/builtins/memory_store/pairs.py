"""Leases and key-value pairs in dictionaries of this process."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from dagu_core.base.clock import Clock, SystemClock
from dagu_core.base.errors import Conflict, Invalid, Unavailable
from dagu_core.contracts.store import StateStore, Versioned
from dagu_core.model.run.codec import dump_json, load_json


class _Pair(Struct):
    text: str
    version: int
    expires_at: float | None


class MemoryPairs(StateStore):
    """Opening and closing, leases, pairs."""

    def __init__(self, url: str = "memory:", *, clock: Clock | None = None) -> None:
        super().__init__(url)
        self._clock = clock or SystemClock()
        self._is_open = False
        self._leases: dict[str, tuple[str, int, float]] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    async def acquire(self, key: str, owner: str, ttl: float) -> int | None:
        self._check_open()
        if not owner or ttl <= 0:
            raise Invalid("a lease needs an owner and a positive time")
        now = self._clock.now()
        holder, fence, expires_at = self._leases.get(key, ("", 0, 0.0))
        if expires_at > now and holder != owner:
            return None
        if expires_at <= now:
            fence += 1
        self._leases[key] = (owner, fence, now + ttl)
        return fence

    async def release(self, key: str, owner: str) -> None:
        self._check_open()
        holder, fence, _ = self._leases.get(key, ("", 0, 0.0))
        if holder == owner:
            self._leases[key] = ("", fence, 0.0)

    async def get(self, namespace: str, key: str) -> Versioned | None:
        self._check_open()
        pair = self._pairs.get((namespace, key))
        if pair is None or self._has_expired(pair):
            return None
        return Versioned(load_json(pair.text), pair.version)

    async def put(
        self,
        namespace: str,
        key: str,
        value: Any,
        *,
        expected: int | None = None,
        ttl: float | None = None,
    ) -> int:
        self._check_open()
        try:
            text = dump_json(value)
        except ValueError as error:
            raise Invalid(f"{namespace}/{key}: {error}") from None
        pair = self._pairs.get((namespace, key)) or _Pair("", 0, None)
        version = 0 if self._has_expired(pair) else pair.version
        if expected is not None and expected != version:
            raise Conflict(f"{namespace}/{key} has version {version}, not {expected}", version=version)
        expires_at = None if ttl is None else self._clock.now() + ttl
        self._pairs[namespace, key] = _Pair(text, pair.version + 1, expires_at)
        return pair.version + 1

    async def remove(self, namespace: str, key: str) -> bool:
        self._check_open()
        pair = self._pairs.pop((namespace, key), None)
        return pair is not None and not self._has_expired(pair)

    async def scan(self, namespace: str, prefix: str = "", limit: int = 1000) -> list[tuple[str, Versioned]]:
        self._check_open()
        found = [
            (key, Versioned(load_json(pair.text), pair.version))
            for (space, key), pair in sorted(self._pairs.items())
            if space == namespace and key.startswith(prefix) and not self._has_expired(pair)
        ]
        return found[: max(limit, 0)]

    def _check_open(self) -> None:
        if not self._is_open:
            raise Unavailable("the memory store is not open")

    def _has_expired(self, pair: _Pair) -> bool:
        return pair.expires_at is not None and pair.expires_at <= self._clock.now()
