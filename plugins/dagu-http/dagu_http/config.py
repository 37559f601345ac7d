"""What may stand under `config` of a step of type http."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dagu_core import Config, Duration, Size

_FAMILY = re.compile(r"[1-5]xx", re.IGNORECASE)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _code(value: int | str) -> int | str:
    if isinstance(value, int) and not 100 <= value <= 599:
        raise ValueError("a status code is a number from 100 to 599")
    if isinstance(value, str) and not _FAMILY.fullmatch(value):
        raise ValueError("write a status code such as 404, or a family such as 4xx")
    return value


def _proxy(value: str) -> str:
    if value != "none" and not value.startswith(("http://", "https://")):
        raise ValueError("write it as http://HOST:PORT, https://HOST:PORT or none")
    return value


#: a text; numbers and truth values are taken as they are written in JSON
Text = Annotated[str, BeforeValidator(_text)]
#: 404, or a family: 4xx
Code = Annotated[int | str, AfterValidator(_code)]
Proxy = Annotated[str, AfterValidator(_proxy)]


def is_one_of(status: int, codes: list[int | str]) -> bool:
    """Whether a status code is among codes and families of codes."""
    return any(code == status or str(code).lower() == f"{status // 100}xx" for code in codes)


class Connection(Config):
    """How a server is reached and trusted."""

    skip_tls_verify: bool = Field(
        False,
        alias="skipTLSVerify",
        description="Accept any certificate. Whoever sits in between can then read and change everything.",
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust, instead of the system's.")
    client_cert: str = Field("", description="PEM file of the certificate to show to the server.")
    client_key: str = Field("", description="PEM file of its key, if it is not in `clientCert`.")
    proxy: Proxy = Field(
        "",
        description="URL of an HTTP proxy, or `none`; without it the usual variables "
        "(`HTTPS_PROXY`, `NO_PROXY`, ...) decide.",
    )


class Auth(Config):
    """Who asks: user and password, or a bearer token."""

    spellings: ClassVar[dict[str, str]] = {"username": "user", "bearer": "token"}

    user: Text = Field("", description="User of basic authentication.")
    password: Text = Field("", description="Password of basic authentication; a reference to a secret.")
    token: Text = Field("", description="Bearer token; a reference to a secret.")

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        if bool(self.user) == bool(self.token):
            raise ValueError("give either `user` and `password`, or `token`")
        return self


class Retry(Config):
    """When to ask again within one attempt of the step."""

    limit: int = Field(3, ge=1, le=100, description="How often to ask again at most.")
    interval_sec: float = Field(
        1, ge=0, description="Seconds between two tries, if the server asks for less."
    )
    on: list[Code] = Field(
        [408, 425, 429, 500, 502, 503, 504],
        description="Status codes, or families such as `5xx`, after which to ask again.",
    )


class HttpConfig(Connection):
    """The request, and what to make of the answer."""

    timeout: Duration = Field(0, description="How long one try may take as a whole; 0 = no limit.")
    connect_timeout: Duration = Field(10, gt=0, description="How long to wait for a connection.")
    idle_timeout: Duration = Field(
        0, description="In what time at least something must come; default: `timeout`, else 60 s."
    )
    headers: dict[str, Text | list[Text]] = Field({}, description="Headers of the request.")
    query: dict[str, Text | list[Text]] = Field({}, description="Parameters added to those in the URL.")
    auth: Auth | None = Field(None, description="Basic authentication, or a bearer token.")
    body: str | dict[str, Any] | list[Any] = Field(
        "", description="What to send: a text as it is, a mapping or a list as JSON."
    )
    body_file: str = Field("", description="File whose content is sent.")
    form: dict[str, Text | list[Text]] = Field({}, description="Fields of a form.")
    files: dict[str, str | list[str]] = Field({}, description="Files to upload, by name of the form field.")
    silent: bool = Field(False, description="Write the body only, unless the request fails.")
    json_: bool = Field(
        False, alias="json", description="Write one JSON object: `status_code`, `headers` and `body`."
    )
    debug: bool = Field(
        False, description="Tell on stderr what is sent and what comes back, without secrets."
    )
    save_to: str = Field("", description="File for the body; it appears when it is whole.")
    max_body_bytes: Size = Field(
        0, ge=0, description="Longest body; default: 1 GiB into the log, 16 MiB of JSON, any into a file."
    )
    follow_redirects: bool = Field(True, description="Go where the server points to, 5 times at most.")
    expect: list[Code] = Field(
        ["2xx"], min_length=1, description="Status codes, or families, that count as success."
    )
    retry: Retry | None = Field(None, description="Ask again after failures that pass.")

    @model_validator(mode="after")
    def _one_body(self) -> HttpConfig:
        bodies: dict[str, Any] = {
            "body": self.body,
            "bodyFile": self.body_file,
            "form/files": self.form or self.files,
        }
        if len(given := [name for name, value in bodies.items() if value]) > 1:
            raise ValueError(f"{' and '.join(given)} cannot be sent at once")
        if self.json_ and self.save_to:
            raise ValueError("`json` and `saveTo` exclude each other")
        return self
