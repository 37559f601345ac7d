"""What may stand under `ssh:` of a DAG and under `config:` of an ssh step."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from dagu_core import Config, Duration

_JUMP = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:@]+)(?::(?P<port>\d+))?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _port(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return value


Port = Annotated[
    int, BeforeValidator(_port), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]})
]


class Host(Config):
    """A machine with an SSH server, and how to log in there."""

    host: str = Field("", description="Name or address of the machine.")
    port: Port = Field(22, description="Port of its SSH server.")
    user: str = Field("", description="User to log in as; by default the local user's name.")
    key: str = Field("", description="File with the private key. With a key no agent is asked.")
    key_passphrase: str = Field("", repr=False, description="Opens the key; `password` does so as well.")
    password: str = Field("", repr=False, description="Password of the user; better a reference to a secret.")
    strict_host_key: bool = Field(True, description="Refuse hosts whose key is not known.")
    known_host_file: str = Field(
        "", description="Keys of known hosts. By default `~/.ssh/known_hosts` and the system's file."
    )
    timeout: Duration = Field(10.0, gt=0, description="Seconds for the connection, log-in included.")


class JumpHost(Host):
    """A machine to connect through. What it does not say is as for the machine behind it, except the
    password."""

    jump: JumpHost | None = Field(None, description="Another machine before this one.")
    spellings: ClassVar[dict[str, str]] = {"bastion": "jump"}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        found = _JUMP.fullmatch(data.strip())
        if found is None:
            raise ValueError("write a jump host as `user@host:port`")
        given = {key: value for key, value in found.groupdict().items() if value}
        return {**given, "host": given["host"].strip("[]")}


class SshSettings(Host):
    """Where the ssh steps of a DAG run."""

    ip: str = Field("", description="Another word for `host`; it wins.")
    jump: JumpHost | None = Field(
        None, description="A machine to connect through: `user@host:port`, or a mapping with its own log-in."
    )
    keep_alive: Duration = Field(
        15.0, ge=0, description="Ask the host for a sign of life this often; three misses end it. 0 = never."
    )
    shell: str | list[str] = Field(
        "", description="Shell that reads the commands there. Without one they are plain arguments."
    )
    shell_args: list[str] = Field([], description="Arguments of the shell, before `-c`.")
    env: list[str] | dict[str, str | int | float | bool] = Field(
        [], description="Variables to set there: names of the step's own, `NAME=value`, or a mapping."
    )
    plain: bool = Field(
        False,
        description="Send the command as it is, for devices without a POSIX shell. A stop then can only "
        "close the connection.",
    )
    spellings: ClassVar[dict[str, str]] = {"bastion": "jump"}
    alternatives = (frozenset({"host", "ip"}),)

    @field_validator("env", mode="after")
    @classmethod
    def _names(cls, env: Any) -> Any:
        for name in env if isinstance(env, dict | list) else ():
            if _NAME.fullmatch(name.partition("=")[0]) is None and not name.startswith("$"):
                raise ValueError(f"{name.partition('=')[0]!r} is no name of a variable")
        return env

    @property
    def address(self) -> str:
        """Name or address of the machine, "" when nobody said."""
        return (self.ip or self.host).strip()


class Copy(Config):
    """One file or folder to copy."""

    source: str = Field(alias="from", description="The file or folder to copy.")
    to: str = Field(description="Its new path. With `/` at the end: the folder it goes into.")


class SshConfig(SshSettings):
    """One ssh step. A config with a host stands alone; without one it is laid over the DAG's `ssh`."""

    upload: list[Copy] = Field([], description="Copied to the machine before the commands.")
    download: list[Copy] = Field([], description="Copied from the machine after the commands succeeded.")

    @field_validator("upload", "download", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value
