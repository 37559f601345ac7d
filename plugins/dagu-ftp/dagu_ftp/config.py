"""What may stand under `config:` of an `ftp`, `ftps` or `sftp` step."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from dagu_core import Config, Duration, Size

_ADDRESS = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:@]+)(?::(?P<port>\d+))?")


def _port(value: Any) -> Any:
    number = int(value) if isinstance(value, str) and value.strip().isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65_535:
        raise ValueError("a port is a number up to 65535")
    return number


Port = Annotated[
    int, BeforeValidator(_port), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]})
]


class ServerConfig(Config):
    """Which server, and who we are there, whatever the protocol."""

    spellings: ClassVar[dict[str, str]] = {"username": "user", "ip": "host"}

    host: str = Field("", description="The server: a name or an address.")
    port: Port = Field(0, description="Its port; the usual one of the protocol when left out.")
    user: str = Field("", description="Whom to log in as.")
    password: str = Field(
        "", description="The password; better a secret than a text in the file.", repr=False
    )
    timeout: Duration = Field(
        30.0, gt=0, description="How long the server may be silent, in seconds or like `1m30s`."
    )


class TransferConfig(ServerConfig):
    """What is brought where, whatever the protocol."""

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
    min_age: Duration = Field(
        0.0, ge=0, description="Leave out files changed less than this ago, in seconds or like `1m30s`."
    )
    parallel: int = Field(1, ge=1, le=8, description="How many connections bring files over.")
    max_bytes_per_sec: Size = Field(0, ge=0, description="The most bytes a second, `512Ki`; 0 = no limit.")
    retries: int = Field(2, ge=0, le=20, description="How often a lost connection is opened again.")
    progress_sec: int = Field(10, ge=0, le=86_400, description="Seconds between lines of progress; 0 = none.")


class FtpServerConfig(ServerConfig):
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


class FtpsServerConfig(FtpServerConfig):
    """How to reach an FTP server that has TLS."""

    tls: Literal["explicit", "implicit"] = Field(
        "explicit", description="TLS asked for after connecting (AUTH TLS), or from the first byte."
    )


class FtpConfig(FtpServerConfig, TransferConfig):
    """What an `ftp` step does, and where."""


class FtpsConfig(FtpsServerConfig, FtpConfig):
    """What an `ftps` step does, and where."""


class SshHop(Config):
    """One SSH server to go through, and how to log in there."""

    spellings: ClassVar[dict[str, str]] = {"username": "user"}

    host: str = Field(description="The server: a name or an address.")
    port: Port = Field(22, description="Its port.")
    user: str = Field("", description="Whom to log in as; as at the end of the way when left out.")
    password: str = Field("", description="The password.", repr=False)
    key: str = Field("", description="File of the private key; as at the end of the way when left out.")
    key_passphrase: str = Field("", description="What opens the private key.", repr=False)
    host_key: str = Field("", description="Its host key: `SHA256:…` or `ssh-ed25519 AAAA…`.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        if (found := _ADDRESS.fullmatch(data.strip())) is None:
            raise ValueError("write a bastion as `user@host:port`")
        given = {key: value for key, value in found.groupdict().items() if value}
        return {**given, "host": given["host"].strip("[]")}


class SftpServerConfig(ServerConfig):
    """How to reach an SSH server."""

    spellings: ClassVar[dict[str, str]] = {**ServerConfig.spellings, "jump": "bastion"}

    key: str = Field("", description="File of the private key. With a key no agent is asked.")
    key_passphrase: str = Field("", description="What opens the private key.", repr=False)
    strict_host_key: bool = Field(True, description="Refuse servers whose host key is not known.")
    known_host_file: str = Field(
        "", description="Where host keys are known. By default `~/.ssh/known_hosts` and the system's file."
    )
    host_key: str = Field("", description="The one host key to accept: `SHA256:…` or `ssh-ed25519 AAAA…`.")
    bastion: list[SshHop] = Field([], description="The server to go through, or several, in order.")

    @field_validator("bastion", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict | str) else value


class SftpConfig(SftpServerConfig, TransferConfig):
    """What an `sftp` step does, and where."""
