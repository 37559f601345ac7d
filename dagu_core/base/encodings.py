"""Every form in which programs commonly print a value, so that all of them can be masked."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

#: values, and lines of values, with fewer characters are left alone: they occur by chance
SHORTEST = 4
_PLAIN = re.compile(r"[A-Za-z0-9_]")


def variants(value: str) -> list[bytes]:
    """The forms of `value`, itself first, each once and in an order that never changes."""
    trimmed = value.strip("\r\n")
    forms = dict.fromkeys(_text_forms(value, trimmed))
    raw = [encode(form) for form in forms]
    every = [*raw, *_byte_forms(encode(value)), *_byte_forms(encode(trimmed))]
    return [form for form in dict.fromkeys(every) if len(form) >= SHORTEST]


def encode(text: str) -> bytes:
    """UTF-8; bytes that came in as lone surrogates go out as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The reverse of `encode`, for any bytes."""
    return data.decode("utf-8", "surrogateescape")


def _text_forms(value: str, trimmed: str) -> Iterator[str]:
    yield value
    yield trimmed
    lines = trimmed.splitlines()
    if len(lines) > 1:
        yield from (line for each in lines if len(line := each.strip()) >= SHORTEST)
        yield "\r\n".join(trimmed.split("\n"))
    for text in (value, trimmed):
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        data = encode(text)
        for form in (quote(data, safe=""), quote(data), quote_plus(data)):
            yield form
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form)
        yield shlex.quote(text).removeprefix("'").removesuffix("'")
        yield text.replace("'", "'\\''")
        yield re.sub(r'([$`"\\])', r"\\\1", text)
        yield "".join(char if _PLAIN.match(char) or ord(char) > 127 else f"\\{char}" for char in text)


def _byte_forms(data: bytes) -> Iterator[bytes]:
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for encoder in (base64.b64encode, base64.urlsafe_b64encode):
        yield encoder(data)
        yield encoder(data).rstrip(b"=")
        for shift in range(3):
            # only the characters that depend on no neighbouring byte
            first = -(-shift * 8 // 6)
            last = (shift + len(data)) * 8 // 6
            yield encoder(b"\0" * shift + data)[first:last]
