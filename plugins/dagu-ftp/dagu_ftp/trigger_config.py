"""What may stand in an entry of `triggers` with `type: ftp`, `ftps` or `sftp`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from dagu_core import FileWatchConfig
from dagu_ftp.config import FtpServerConfig, FtpsServerConfig, SftpServerConfig, SshHop

#: fields in which `${NAME}` stands for a secret of the DAG
FILLED = frozenset(
    {"host", "user", "password", "key", "key_passphrase", "host_key", "known_host_file"}
    | {"ca_file", "cert_file", "key_file"}
)


class RemoteConfig(FileWatchConfig):
    """Which files of a server are watched, and what they start."""

    filled: ClassVar[frozenset[str]] = FILLED

    watch: list[str] = Field(
        min_length=1,
        description="Patterns of files on the server, absolute or relative to the folder the login begins "
        "in: `*` and `?` within a name, `**` for any folders.",
    )


class FtpTriggerConfig(FtpServerConfig, RemoteConfig):
    """Which files of an FTP server are watched, and what they start."""

    host: str = Field(min_length=1, description="The server: a name or an address.")


class FtpsTriggerConfig(FtpsServerConfig, FtpTriggerConfig):
    """Which files of an FTP server with TLS are watched, and what they start."""

    host: str = Field(min_length=1, description="The server: a name or an address.")


class SftpTriggerConfig(SftpServerConfig, RemoteConfig):
    """Which files of an SSH server are watched, and what they start."""

    host: str = Field(min_length=1, description="The server: a name or an address.")

    @model_validator(mode="after")
    def _ports_are_known_when_read(self) -> SftpTriggerConfig:
        for hop in self.bastion:
            if isinstance(hop, SshHop) and not isinstance(hop.port, int):
                raise ValueError("the `port` of a bastion is needed before there is a run")
        return self
