"""What the process that does the work is told, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["upload", "download", "list", "delete", "move", "mkdir", "exists", "mirror"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One SSH server and how to log in there."""

    host: str
    port: int = 22
    user: str = ""
    password: str = field(default="", repr=False)
    key: str = ""
    key_passphrase: str = field(default="", repr=False)
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class FtpOptions:
    """How to reach an FTP server."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: Literal["none", "explicit", "implicit"]
    tls_verify: bool
    ca_file: str
    cert_file: str
    key_file: str
    passive: bool
    encoding: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be written anywhere."""
        return (self.password,) if self.password else ()


@dataclass(frozen=True, slots=True)
class SftpOptions:
    """How to reach an SSH server: through which others, and whose keys are known."""

    hops: tuple[Hop, ...]
    strict_host_key: bool
    known_host_file: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be written anywhere."""
        found = [secret for hop in self.hops for secret in (hop.password, hop.key_passphrase)]
        return tuple(each for each in found if each)


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be done, and how. Times in seconds; `now` is when the attempt began. `part` marks
    the halves of this step of this run."""

    operation: Operation
    upward: bool
    source: str
    destination: str
    recursive: bool
    exclude: tuple[str, ...]
    overwrite: Literal["always", "never", "ifNewer", "ifDifferent"]
    atomic: bool
    resume: bool
    verify: Literal["size", "sha256", "none"]
    preserve_times: bool
    preserve_permissions: bool
    delete_source: bool
    delete_extra: bool
    allow_empty: bool
    min_age: float
    parallel: int
    max_bytes_per_sec: int
    retries: int
    timeout: float
    progress_sec: int
    working_dir: str
    now: float
    grace: float
    part: str
    server: FtpOptions | SftpOptions

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be written anywhere."""
        return self.server.secrets


def from_data(data: dict[str, object]) -> Options:
    """The options of a request; JSON has lists and mappings only."""
    server = data.pop("server")
    assert isinstance(server, dict)
    if "hops" in server:
        hops = tuple(Hop(**hop) for hop in server.pop("hops"))
        reached: FtpOptions | SftpOptions = SftpOptions(hops=hops, **server)
    else:
        reached = FtpOptions(**server)
    exclude = data.pop("exclude")
    assert isinstance(exclude, list)
    return Options(**data, exclude=tuple(exclude), server=reached)  # type: ignore[arg-type]
