"""Step types as a file writes them: imported only when one has the key."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo

from dagu_core.model.spec.located import Map
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.refusal import describe, refused

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class StepTypeSpec(SpecModel):
    """A step type of your own: a template, filled with what a step gives under `with`."""

    noun: ClassVar[str] = "step type"
    spellings: ClassVar[dict[str, str]] = {"outputSchema": "outputs"}

    type: str = Field(min_length=1, description="The step type that does the work.")
    description: str = Field("", description="What it is for; that of its steps, too, unless they have one.")
    input_schema: dict[str, Any] = Field(
        default_factory=dict, description="JSON Schema of what stands under `with`, with defaults."
    )
    outputs: dict[str, Any] | None = Field(
        None, description="JSON Schema of what the step writes on stdout, which must be JSON then."
    )
    template: dict[str, Any] = Field(
        description="The keys of the step; `{$input: path}` is a value, `{{ .input.path }}` its text."
    )


def read_step_types(value: Any, info: ValidationInfo[Any]) -> dict[str, StepTypeSpec | None]:
    """Every step type of a `stepTypes` block; None for one that is wrong, which has been told."""
    if not isinstance(value, Map):
        raise refused(f"must be a mapping of step types by name, not {describe(value)}")
    reading: Reading = info.context
    found: dict[str, StepTypeSpec | None] = {}
    for name, written in value.items():
        place = value.key_place(name)
        found[name] = None
        if not _NAME.fullmatch(name):
            reading.findings.error(
                f"invalid step type name `{name[:60]}`",
                place,
                code="D006",
                hint="a letter, then letters, digits, `_`, `-`",
                length=len(name),
            )
        elif not isinstance(written, Map):
            message = f"step type `{name}` must be a mapping, not {describe(written)}"
            reading.findings.error(message, value.value_place(name))
        else:
            found[name] = StepTypeSpec.model_validate(written, context=reading)
    return found
