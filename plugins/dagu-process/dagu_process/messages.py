"""Messages of the protocol: one JSON object a line. Used on both sides, so it imports next to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

PROTOCOL = "dagu-exec/1"
#: bytes a line of an executable may have
MAX_LINE = 1 << 20
#: characters of a sentence that are kept
_MAX_MESSAGE = 4096


class Broken(Exception):
    """An executable that does not keep the protocol; the sentence says how."""


class Lines:
    """Cuts bytes into lines; never keeps more than one line."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._count = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that `data` completes, with their numbers from 1. Raises Broken."""
        self._rest += data
        start = 0
        while (end := self._rest.find(b"\n", start)) >= 0:
            yield self._numbered(bytes(self._rest[start:end]))
            start = end + 1
        del self._rest[:start]
        if len(self._rest) > MAX_LINE:
            raise Broken(f"line {self._count + 1} of its output is longer than {MAX_LINE} bytes")

    def close(self) -> Iterator[tuple[int, bytes]]:
        """The last line, if it had no end."""
        if self._rest.strip():
            yield self._numbered(bytes(self._rest))
        self._rest.clear()

    def _numbered(self, line: bytes) -> tuple[int, bytes]:
        self._count += 1
        if len(line) > MAX_LINE:
            raise Broken(f"line {self._count} of its output is longer than {MAX_LINE} bytes")
        return self._count, line


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line of ASCII: without blanks, `type` first, for those that have no parser."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(number: int, line: bytes) -> dict[str, Any]:
    """The message of a line. Raises Broken; what the line holds is not quoted, it may be a secret."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Broken(f"line {number} of its output is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Broken(f"line {number} of its output is no message: a JSON object with a `type`")
    return message


def result_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a `result` says, defaults filled in. Raises Broken."""
    code, sentence = message.get("exitCode", 0), message.get("message", "")
    outputs, retryable = message.get("outputs"), message.get("retryable", True)
    if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code <= 255:
        raise Broken("its result is wrong: `exitCode` is no whole number from 0 to 255")
    if not isinstance(sentence, str):
        raise Broken("its result is wrong: `message` is no text")
    if outputs is not None and not isinstance(outputs, dict):
        raise Broken("its result is wrong: `outputs` is no object")
    if not isinstance(retryable, bool):
        raise Broken("its result is wrong: `retryable` is neither true nor false")
    sentence = sentence[:_MAX_MESSAGE]
    return {"exitCode": code, "message": sentence, "outputs": outputs, "retryable": retryable}
