"""What a step asks for: method, URL, headers and body, read from its texts and its config."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dagu_core import Attempt, Invalid
from dagu_http.config import HttpConfig

AGENT = "dagu-http"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET = re.compile("auth|cookie|token|secret|password|key|signature|credential", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\r\n\0]")
_PLAIN = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Order:
    """A request as the user wants it; files are relative to `folder`."""

    method: str
    url: str
    config: HttpConfig
    folder: Path

    @classmethod
    def of(cls, attempt: Attempt[HttpConfig]) -> Order:
        """The order of an attempt. Raises Invalid for what makes no request."""
        method, url, *_ = (*" ".join(attempt.commands).split(None, 1), "", "")
        if "://" in method or not url:
            raise Invalid("the command of an http step is METHOD URL", hint="for example: GET https://…")
        if not _TOKEN.fullmatch(method):
            raise Invalid("the method of the request is not a word")
        return cls(method.upper(), _unquoted(url.strip()), _config(attempt), attempt.working_dir)

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice is the same as doing it once."""
        return self.method in _REPEATABLE

    def path(self, text: str) -> Path:
        """A file the config names."""
        return self.folder / os.path.expanduser(text)

    @property
    def body(self) -> bytes:
        """What `body` says, as bytes."""
        body = self.config.body
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return text.encode("utf-8", "surrogateescape")

    def headers(self) -> Headers:
        """The headers to send. Raises Invalid naming the header, never its value."""
        config = self.config
        given = [(name, text) for name, value in config.headers.items() for text in _texts(value)]
        for name, value in given:
            check_header(name, value)
        has = {name.lower() for name, _ in given}
        defaults: dict[str, str] = {"Accept": "*/*", "User-Agent": AGENT}
        defaults["Accept-Encoding"] = "gzip" if self.decodes else "identity"
        if kind := self._content_type():
            defaults["Content-Type"] = kind
        if config.auth is not None:
            defaults["Authorization"] = _authorization(config)
        return given + [(name, value) for name, value in defaults.items() if name.lower() not in has]

    @property
    def decodes(self) -> bool:
        """Whether gzip is asked for by us: what the user asks for arrives as it is sent."""
        given = {name.lower() for name in self.config.headers}
        # A file and a part of something are wanted as they are.
        return not self.config.save_to and given.isdisjoint(("range", "accept-encoding"))

    def fields(self) -> dict[str, str | list[str]]:
        """The fields of the form."""
        return dict(self.config.form)

    def uploads(self) -> list[tuple[str, Path]]:
        """(field, file) to upload."""
        return [
            (name, self.path(text)) for name, value in self.config.files.items() for text in _texts(value)
        ]

    def _content_type(self) -> str:
        if self.config.form or self.config.files:
            return ""  # it has a boundary in it that only the encoder knows
        if not isinstance(self.config.body, str):
            return "application/json"
        if self.config.body_file:
            return guess_type(self.config.body_file)[0] or "application/octet-stream"
        return "" if self.method in _PLAIN and not self.config.body else "text/plain; charset=utf-8"


def shown(url: str) -> str:
    """A URL for people: without user, password, query and fragment, which may be secret."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"


def is_secret(header: str) -> bool:
    """Whether a header of this name may hold what only its receiver may know."""
    return bool(_SECRET.search(header))


def check_header(name: str, value: str) -> None:
    """Raises Invalid, with the name and never the value, for what cannot be a header."""
    if not _TOKEN.fullmatch(name):
        raise Invalid(f"{name!r} cannot be the name of a header")
    if _FORBIDDEN.search(value):
        raise Invalid(f"the header {name} has a line break in its value")


def _config(attempt: Attempt[HttpConfig]) -> HttpConfig:
    """The config, with the JSON object in the script on top."""
    config = attempt.config
    if not attempt.script.strip():
        return config
    try:
        data: Any = json.loads(attempt.script)
        if not isinstance(data, dict):
            raise Invalid("the script of an http step is a JSON object with the keys of `config`")
        over = HttpConfig.model_validate(data, strict=False)
        both = _set(config) | _set(over)
        return HttpConfig.model_validate(both, strict=False)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        told = (".".join(map(str, ("script", *each["loc"]))) + f": {each['msg']}" for each in found)
        raise Invalid("; ".join(told)) from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the script of an http step is not JSON: {_where(error)}") from None


def _set(config: HttpConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.model_fields_set}


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it holds an impossible number"


def _authorization(config: HttpConfig) -> str:
    auth = config.auth
    assert auth is not None
    if auth.token:
        value = f"Bearer {auth.token}"
    else:
        value = "Basic " + b64encode(f"{auth.user}:{auth.password}".encode()).decode()
    check_header("Authorization", value)
    return value


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _unquoted(url: str) -> str:
    return url[1:-1].strip() if len(url) > 1 and url[0] == url[-1] and url[0] in "\"'" else url
