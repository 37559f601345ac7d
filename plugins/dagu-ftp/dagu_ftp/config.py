"""What may stand under `config:` of an `ftp`, `ftps` or `sftp` step."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from dagu_core import Config

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def seconds(value: int | float | str) -> float:
    """The seconds of `90` or `1m30s`."""
    if not isinstance(value, str):
        return float(value)
    if not _DURATION.fullmatch(value):
        raise ValueError(f"{value!r} is no duration like 30s, 1m30s or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(value))


class TransferConfig(Config):
    """What holds for every protocol."""

    spellings: ClassVar[dict[str, str]] = {"username": "user", "ip": "host"}

    host: str = Field("", description="The server: a name or an address.")
    port: int | str = Field(0, description="Its port; the usual one of the protocol when left out.")
    user: str = Field("", description="Whom to log in as.")
    password: str = Field("", description="The password; better a secret than a text in the file.", repr=False)
    direction: Literal["", "upload", "download"] = Field(
        "", description="Which way files go: for `mirror`, and for steps without a command."
    )
    source: str = Field(
        "",
        description="What is meant: a file, a folder, or a pattern with `*`, `?`, `[a-z]`, `**`. "
        "Here for uploads, on the server for everything else.",
    )
    destination: str = Field(
        "",
        description="Where it goes. A folder when it ends with `/`, is one already, or when the source "
        "is a pattern or a folder; missing folders are made.",
    )
    recursive: bool | None = Field(None, description="Take folders with all that is in them.")
    exclude: list[str] = Field([], description="Patterns of names and paths that are left out.")
    overwrite: Literal["always", "never", "ifNewer", "ifDifferent"] | None = Field(
        None, description="What to do with a destination that exists."
    )
    atomic: bool = Field(
        True, description="Write under a name of its own first and rename when the file is whole."
    )
    resume: bool = Field(True, description="Go on where an earlier attempt of the step was cut off.")
    verify: Literal["size", "sha256", "none"] = Field(
        "size", description="How to check a file: its size, or its content read anew from the server."
    )
    preserve_times: bool | None = Field(None, description="Keep the time of modification.")
    preserve_permissions: bool = Field(False, description="Keep permissions (never set-uid and the like).")
    delete_source: bool = Field(False, description="Remove each source file once its copy was verified.")
    delete_extra: bool = Field(
        False, description="For `mirror`: remove from the destination what the source has not."
    )
    allow_empty: bool = Field(False, description="Nothing found is no failure.")
    min_age: int | float | str = Field(
        0, description="Leave out files changed less than this ago, in seconds or like `1m30s`."
    )
    parallel: int = Field(1, ge=1, le=8, description="How many connections bring files over.")
    max_bytes_per_sec: int = Field(0, ge=0, description="The most bytes a second; 0 = no limit.")
    retries: int = Field(2, ge=0, le=20, description="How often a lost connection is opened again.")
    timeout: int | float | str = Field(
        30, description="How long the server may be silent, in seconds or like `1m30s`."
    )
    progress_sec: int = Field(10, ge=0, description="Seconds between lines of progress; 0 = none.")

    @field_validator("min_age", "timeout", mode="after")
    @classmethod
    def _is_duration(cls, value: int | float | str) -> int | float | str:
        if seconds(value) < 0:
            raise ValueError("must not be negative")
        return value

    @field_validator("port", mode="after")
    @classmethod
    def _is_port(cls, value: int | str) -> int:
        number = int(value) if str(value).isdigit() else -1
        if not 0 <= number <= 65_535:
            raise ValueError("must be a number from 0 to 65535")
        return number


class FtpConfig(TransferConfig):
    """How to reach an FTP server."""

    tls: Literal["none", "explicit", "implicit"] = Field(
        "none", description="No TLS, TLS asked for after connecting (AUTH TLS), or TLS from the first byte."
    )
    tls_verify: bool = Field(True, description="Check the certificate and the name in it.")
    ca_file: str = Field("", description="Certificates to trust instead of those of the system (PEM).")
    cert_file: str = Field("", description="A certificate of our own to show (PEM).")
    key_file: str = Field("", description="Its private key, when it is not in the same file.")
    passive: bool = Field(True, description="We open the data connection; `false`: the server does.")
    encoding: str = Field("utf-8", description="How names are written on the server.")


class FtpsConfig(FtpConfig):
    """How to reach an FTP server that has TLS."""

    tls: Literal["explicit", "implicit"] = Field(  # type: ignore[assignment]
        "explicit", description="TLS asked for after connecting (AUTH TLS), or from the first byte."
    )


class SshHop(Config):
    """One SSH server and how to log in there."""

    spellings: ClassVar[dict[str, str]] = {"username": "user", "ip": "host"}

    host: str = Field(description="The server: a name or an address.")
    port: int = Field(22, ge=1, le=65_535, description="Its port.")
    user: str = Field("", description="Whom to log in as; like us when left out.")
    password: str = Field("", description="The password.", repr=False)
    key: str = Field("", description="File of the private key.")
    key_passphrase: str = Field("", description="What opens the private key.", repr=False)
    host_key: str = Field("", description="Its host key: `SHA256:…` or `ssh-ed25519 AAAA…`.")


class SftpConfig(TransferConfig):
    """How to reach an SSH server."""

    key: str = Field("", description="File of the private key.")
    key_passphrase: str = Field("", description="What opens the private key.", repr=False)
    agent: bool = Field(True, description="Ask the SSH agent when there is neither key nor password.")
    strict_host_key: bool = Field(True, description="Refuse servers whose host key is not known.")
    known_host_file: str = Field("~/.ssh/known_hosts", description="Where host keys are known.")
    host_key: str = Field("", description="The one host key to accept: `SHA256:…` or `ssh-ed25519 AAAA…`.")
    bastion: list[SshHop] = Field([], description="The server to go through, or several, in order.")

    spellings: ClassVar[dict[str, str]] = {**TransferConfig.spellings, "knownhostsfile": "known_host_file"}

    @model_validator(mode="before")
    @classmethod
    def _one_bastion(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("bastion"), dict):
            return {**data, "bastion": [data["bastion"]]}
        return data
