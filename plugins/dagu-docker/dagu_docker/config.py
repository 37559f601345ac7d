"""What may stand in a DAG about containers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from dagu_core import Config
from dagu_docker import raw
from dagu_docker.build_config import BuildField
from dagu_docker.ports import binds, port_bindings

Env = dict[str, Any] | list[Any]
_REFERENCE = re.compile(r"[$`]")
_RAW = {"container": raw.CONFIG, "host": raw.HOST, "network": raw.NETWORK, "exec": raw.EXEC}
_WITH_EXEC = frozenset({"exec", "user", "working_dir", "env", "pass_env"})


def waits(value: Any, info: ValidationInfo) -> bool:
    """Whether a text is a reference that only the run can judge."""
    reading = (info.context or {}).get("phase") == "read"
    return reading and isinstance(value, str) and bool(_REFERENCE.search(value))


def checked_policy(value: Any, info: ValidationInfo) -> Any:
    """`always`, `never` or `missing`; a truth value means always or never."""
    if waits(value, info):
        return value
    if isinstance(value, str) and value.lower() in ("true", "1", "t"):
        return "always"
    if isinstance(value, str) and value.lower() in ("false", "0", "f"):
        return "never"
    if isinstance(value, bool):
        return "always" if value else "never"
    if value in ("", None):
        return "missing"
    if value not in ("always", "never", "missing"):
        raise ValueError("must be always, never, missing, true or false")
    return value


def checked_env(value: Any) -> Any:
    """A mapping, or a list of mappings and NAME=value texts."""
    for index, entry in enumerate(value if isinstance(value, list) else []):
        if not isinstance(entry, dict) and not (isinstance(entry, str) and "=" in entry):
            raise ValueError(f"env[{index}]: write NAME=value or NAME: value")
    return value


def checked_port(value: str | int, info: ValidationInfo) -> str | int:
    """A port as `port_bindings` understands it."""
    if not waits(value, info):
        port_bindings([value])
    return value


def checked_volume(value: str, info: ValidationInfo) -> str:
    """A volume as `binds` understands it."""
    if not waits(value, info):
        binds([value], Path())
    return value


Port = Annotated[str | int, AfterValidator(checked_port)]
Volume = Annotated[str, AfterValidator(checked_volume)]


class ContainerField(Config):
    """Where steps run: a container made for them, or one that runs already (`exec`)."""

    image: str = Field("", description="The image to run; with `build`, the name to give it.")
    build: BuildField | None = Field(None, description="Build the image first. Short form: the folder.")
    exec: str = Field("", description="Name or id of a running container to work in, instead of an image.")
    name: str = Field("", description="The name of the container; made from DAG and run unless given.")
    pull_policy: str | bool = Field(
        "missing", description="When to pull the image: `always`, `never` or `missing`."
    )
    env: Env = Field({}, description="Variables inside the container; they beat the step's.")
    pass_env: bool | list[str] = Field(
        False, description="Variables of the DAG, its parameters and outputs to pass: all, or these names."
    )
    volumes: list[Volume] = Field(
        [], description="`source:target[:ro|rw]`; a source with `/`, `.` or `~` is a path, else a volume."
    )
    ports: list[Port] = Field([], description="`80`, `8080:80`, `127.0.0.1:8080:80`, `53:53/udp`.")
    network: str = Field("", description="`bridge`, `host`, `none`, `container:NAME` or a network's name.")
    user: str | int = Field("", description="User (and group) inside, `1000:1000`.")
    platform: str = Field("", description="Platform of the image, `linux/arm64`.")
    working_dir: str = Field("", description="Folder inside the container to work in.")
    startup: Literal["keepalive", "entrypoint", "command"] = Field(
        "keepalive", description="What a container that serves several commands does meanwhile."
    )
    command: list[str | int | float] | str = Field([], description="What it runs with `startup: command`.")
    wait_for: Literal["running", "healthy"] = Field("running", description="When it is ready for commands.")
    log_pattern: str = Field("", description="It is ready when its log matches this regular expression.")
    restart_policy: Literal["", "no", "always", "unless-stopped"] = Field(
        "", description="What the Docker engine does when it ends by itself."
    )
    keep_container: bool = Field(False, description="Stop it at the end, but do not remove it.")
    init: bool = Field(
        True, description="Run a tiny init as process 1, so that signals and zombies are seen to."
    )

    spellings: ClassVar[dict[str, str]] = {"workdir": "working_dir"}
    alternatives = (frozenset({"exec"}), frozenset({"image", "build"}))

    _pull = field_validator("pull_policy")(checked_policy)
    _env = field_validator("env")(checked_env)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            if not data.strip():
                raise ValueError("container name cannot be empty")
            return {"exec": data.strip()}
        return data

    @field_validator("restart_policy", mode="before")
    @classmethod
    def _no_is_a_word(cls, value: Any) -> Any:
        return "no" if value is False else value

    @field_validator("log_pattern")
    @classmethod
    def _is_a_pattern(cls, value: str, info: ValidationInfo) -> str:
        try:
            # A `$` may be the end of a line as well as a reference.
            re.compile("" if waits(value, info) else value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    @field_validator("command")
    @classmethod
    def _has_words(cls, value: Any) -> Any:
        if isinstance(value, str):
            shlex.split(value)
        return value

    @model_validator(mode="after")
    def _one_source(self) -> ContainerField:
        given = {name for name in self.model_fields_set if getattr(self, name) != _default(self, name)}
        if self.exec and (self.image or self.build):
            other = "image" if self.image else "build"
            raise ValueError(f"'exec' and '{other}' are mutually exclusive")
        if not (self.exec or self.image or self.build):
            raise ValueError("either 'exec', 'image' or 'build' must be specified")
        if "name" in self.model_fields_set and not self.name.strip():
            raise ValueError("container name cannot be empty")
        if self.exec and (wrong := sorted(given - _WITH_EXEC)):
            names = ", ".join(type(self).model_fields[name].alias or name for name in wrong)
            raise ValueError(f"fields [{names}] cannot be used with 'exec'")
        if self.startup == "command" and not self.command:
            raise ValueError("'startup: command' needs 'command'")
        return self


def _default(config: Config, name: str) -> Any:
    return type(config).model_fields[name].default


class DockerConfig(Config):
    """`config` of a step of type `docker`: an older way to say what `container` says."""

    image: str = Field("", description="The image to run.")
    build: BuildField | None = Field(None, description="Build the image first. Short form: the folder.")
    container_name: str = Field(
        "", description="A running container of this name is worked in; else one is made with this name."
    )
    platform: str = Field("", description="Platform of the image, `linux/arm64`.")
    pull: str | bool = Field("missing", description="`always`, `never`, `missing`, true or false.")
    auto_remove: bool = Field(False, description="Remove the container afterwards.")
    working_dir: str = Field("", description="Folder inside the container to work in.")
    volumes: list[Volume] = Field([], description="As `volumes` of `container`.")
    container: dict[str, Any] = Field({}, description="Raw `Config` object of the Docker API.")
    host: dict[str, Any] = Field({}, description="Raw `HostConfig` object of the Docker API.")
    network: dict[str, Any] = Field({}, description="Raw `NetworkingConfig` object of the Docker API.")
    exec: dict[str, Any] = Field(
        {}, description="With `containerName`: `user`, `workingDir`, `env`, `privileged` of the command."
    )

    _pull = field_validator("pull")(checked_policy)

    @field_validator("container", "host", "network", "exec")
    @classmethod
    def _as_the_api_spells_it(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        return value if waits(value, info) else raw.spelled(value, _RAW[str(info.field_name)])

    @model_validator(mode="after")
    def _has_a_target(self) -> DockerConfig:
        if self.model_fields_set and not (self.image or self.build or self.container_name):
            raise ValueError("either 'containerName', 'image' or 'build' must be specified")
        if self.exec and not self.container_name:
            raise ValueError("'exec' needs 'containerName'")
        return self
