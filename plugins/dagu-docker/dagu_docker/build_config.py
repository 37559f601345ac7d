"""What may stand under `build`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dagu_core import Config

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def seconds(text: str) -> float:
    """Seconds of a duration such as `90s`, `20m` or `1h30m`. Raises ValueError."""
    parts = _DURATION.findall(text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not total or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("must be a duration such as 90s, 20m or 1h30m")
    return total


class BuildField(Config):
    """An image that is built when it is needed."""

    context: str = Field(".", description="The folder that is sent, relative to the DAG's file.")
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
    pull: bool = Field(False, description="Look for a newer base image.")
    timeout: str = Field("", description="How long it may take, `20m`; no limit when empty.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"context": data} if isinstance(data, str) else data

    @field_validator("timeout")
    @classmethod
    def _is_a_duration(cls, value: str, info: ValidationInfo) -> str:
        reading = (info.context or {}).get("phase") == "read"
        if value and not (reading and "$" in value):
            seconds(value)
        return value
