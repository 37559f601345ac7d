"""The keys all triggers on files share."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from dagu_core.base.config import Config
from dagu_core.contracts.quantities import Duration
from dagu_core.model.spec.refusal import refused

_WRONG = "D005"
Event = Literal["create", "write", "rename", "remove", "chmod"]
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
PLACEHOLDERS = ("{path}", "{dir}", "{name}", "{stem}")


def _has_unit(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and value:
        raise ValueError(f"write the unit: {value}s")
    return value


Time = Annotated[Duration, BeforeValidator(_has_unit, json_schema_input_type=str | Literal[0])]
Length = Annotated[Time, Field(gt=0)]


class BatchConfig(Config):
    """One run for many files."""

    window: Length = Field(10.0, description="How long files are gathered after the first one.")
    max_files: int = Field(500, ge=1, le=100_000, description="So many files make a run at once.")

    @model_validator(mode="after")
    def _is_known_when_read(self) -> BatchConfig:
        _refuse_references(self, frozenset())
        return self


class FileWatchConfig(Config):
    """Which files are watched, and what they start.

    `filled` names the fields whose references the trigger replaces itself; elsewhere they are refused.
    """

    filled: ClassVar[frozenset[str]] = frozenset()

    watch: list[str] = Field(
        min_length=1,
        description="Patterns of files, absolute or relative to the folder of the DAG file: "
        "`*` and `?` within a name, `**` for any folders, `~` for the home folder.",
    )
    exclude: list[str] = Field(
        default_factory=list,
        description="Patterns of files and folders to leave out; without a slash: a name at any depth.",
    )
    events: list[Event] = Field(
        default=["create", "write", "rename"],
        min_length=1,
        description="What counts: create, write, rename, remove, chmod.",
    )
    action: Literal["start", "stop", "restart"] = Field("start", description="What is done with the DAG.")
    settle: Time = Field(
        5.0,
        description="How long size and time of a file must stay the same; 0 = until its writer closes it.",
    )
    marker: str | None = Field(
        None,
        description="A file that must exist too, with {path}, {dir}, {name} or {stem} of the file in it.",
    )
    batch: BatchConfig | None = Field(None, description="One run for many files, not one for each.")
    poll_interval: Length = Field(
        10.0, description="Time between two looks, at files with polling, at what is missing otherwise."
    )
    existing: Literal["ignore", "trigger"] = Field(
        "ignore", description="What files mean that are there when the trigger is first enabled."
    )
    params: dict[str, str] = Field(
        default_factory=dict,
        description="Parameters of the run; ${DAGU_FILE_TRIGGER_PATH} and its like are filled in.",
    )
    follow_symlinks: bool = Field(False, description="Whether symbolic links to files and folders count.")

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        lists = ("watch", "exclude", "events")
        return {
            key: [value] if key in lists and isinstance(value, str) else value for key, value in data.items()
        }

    @model_validator(mode="after")
    def _fits_together(self) -> FileWatchConfig:
        _refuse_references(self, self.filled)
        for text in [*self.watch, *self.exclude]:
            key = "watch" if text in self.watch else "exclude"
            if not text.strip():
                raise refused(f"`{key}`: an empty pattern matches nothing", key, code=_WRONG)
            if "\0" in text:
                raise refused(f"`{key}`: a pattern cannot hold a NUL byte", key, code=_WRONG)
        if set(self.events) == {"remove"} and "settle" in self.model_fields_set:
            raise refused("`settle` has no meaning with `events: [remove]` only", "settle", code=_WRONG)
        _check_marker(self.marker)
        return self


def _refuse_references(model: Config, filled: frozenset[str]) -> None:
    """References are for values a run knows; here there is no run yet. Parameters are the run's."""
    for name, field in type(model).model_fields.items():
        value = None if name in filled else getattr(model, name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and ("${" in text or "`" in text):
                message = f"`{field.alias}` is needed before there is a run: {text[:60]!r} is not filled in"
                raise refused(message, name, code=_WRONG)


def _check_marker(marker: str | None) -> None:
    if marker is None:
        return
    unknown = [found for found in _PLACEHOLDER.findall(marker) if found not in PLACEHOLDERS]
    if unknown:
        message = f"`marker` knows {', '.join(PLACEHOLDERS)}, not {unknown[0]}"
        raise refused(message, "marker", code=_WRONG)
    if "{" not in marker or not _PLACEHOLDER.sub("", marker).strip():
        message = "`marker` must name another file for each file, such as '{path}.done'"
        raise refused(message, "marker", code=_WRONG)
