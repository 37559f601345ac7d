"""What may stand under `config` of a jq step."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, model_validator

from dagu_core import Config, Size

#: names that jq or this step type has given a meaning
_TAKEN = frozenset({"ENV", "ARGS", "__loc__", "__inputs"})


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class JqConfig(Config):
    """How a query gets its input and how results are written."""

    spellings: ClassVar[dict[str, str]] = {"vars": "args"}

    raw: bool = Field(
        False, description="Write texts bare instead of as JSON, null as an empty line, the rest compact."
    )
    compact: bool = Field(False, description="Write each result in one line.")
    sort_keys: bool = Field(True, description="Write the keys of objects in order; false keeps theirs.")
    input: str = Field("", description="File that holds the JSON input, instead of `script`.")
    slurp: bool = Field(False, description="Make one list of all values of the input.")
    null_input: bool = Field(
        False, description="Start from null; `inputs` yields the values of the input, if there is one."
    )
    args: dict[Name, str | int | float | bool] = Field(
        {}, description="Variables of the query; each value is a text there: `$name`."
    )
    args_json: dict[Name, Any] = Field(
        {}, description="Variables of the query that are JSON; a text is read as JSON."
    )
    max_memory: Size = Field(
        4 << 30, ge=128 << 20, description="Memory the query may use, like 512Mi or 8Gi."
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> JqConfig:
        if isinstance(self.args, dict) and isinstance(self.args_json, dict):
            if taken := sorted(_TAKEN & {*self.args, *self.args_json}):
                raise ValueError(f"${taken[0]} has a meaning of its own in queries")
            if twice := sorted(self.args.keys() & self.args_json.keys()):
                raise ValueError(f"{twice[0]} is given in args and in argsJson")
        return self
