"""What may stand under `build`."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from dagu_core import Config, Duration

_SECRET_ID = re.compile(r"[A-Za-z0-9_.-]+")


class BuildField(Config):
    """An image that is built when it is needed."""

    context: str = Field(
        ".", description="The folder that is sent, relative to the folder of the DAG's file."
    )
    dockerfile: str = Field("Dockerfile", description="The Dockerfile, relative to the context.")
    dockerfile_inline: str = Field("", description="The text of the Dockerfile, instead of a file.")
    args: dict[str, Any] = Field({}, description="Build arguments; they can be read in the image's history.")
    target: str = Field("", description="The stage to stop at.")
    tag: str = Field("", description="One more name for the image.")
    policy: Literal["changed", "always", "missing"] = Field(
        "changed",
        description="Build when something changed, every time, or only when there is no image of this name.",
    )
    no_cache: bool = Field(False, description="Build every layer anew.")
    cache_from: list[str] = Field([], description="Images whose layers may be taken over.")
    inline_cache: bool = Field(
        False, description="Write into the image what `cacheFrom` elsewhere needs to take its layers over."
    )
    pull: bool = Field(False, description="Look for a newer base image.")
    network: str = Field("", description="The network of RUN lines: `none`, `host` or a network's name.")
    timeout: Duration = Field(0.0, description="How long it may take, `20m`; 0 = no limit.")
    builder: Literal["classic", "buildkit"] = Field(
        "classic", description="Who builds: every Docker engine, or BuildKit through the `docker` command."
    )
    build_secrets: dict[str, Any] = Field(
        {},
        repr=False,
        description="Values by id for `RUN --mount=type=secret,id=ID`; they are in no layer. BuildKit only.",
    )

    spellings: ClassVar[dict[str, str]] = {"secrets": "build_secrets"}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"context": data} if isinstance(data, str) else data

    @field_validator("timeout", mode="before")
    @classmethod
    def _may_be_empty(cls, value: Any) -> Any:
        return 0 if value == "" else value

    @field_validator("build_secrets")
    @classmethod
    def _have_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _SECRET_ID.fullmatch(name):
                raise ValueError(f"{name!r} is no id of a secret: use letters, digits, `_`, `.` and `-`")
        return value

    @model_validator(mode="after")
    def _builder_can(self) -> BuildField:
        given = [field for field in ("build_secrets", "inline_cache") if getattr(self, field)]
        if given and self.builder == "classic":
            raise ValueError(f"'{type(self).model_fields[given[0]].alias}' needs 'builder: buildkit'")
        return self
