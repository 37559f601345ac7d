"""The many ways to write one value, each turned into one form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from dagu_core.base.errors import UsageError
from dagu_core.base.names import check_queue_name, priority_of
from dagu_core.base.spelling import is_reference
from dagu_core.model.plan.plan import EnvEntry
from dagu_core.model.spec.located import plain
from dagu_core.model.spec.refusal import describe, refused, report_item
from dagu_core.model.values.text import to_text

#: Nothing of ours waits longer than ten years.
MAX_SECONDS = 315_360_000
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
_WHOLE = re.compile(r"-?[0-9]{1,18}")
#: what is taken as a text
Scalar = str | int | float | bool
ExitCode = Annotated[int, Field(ge=-1, le=4_294_967_295)]


def any_case(words: Iterable[str]) -> str:
    """A pattern for words in any case, as every dialect of patterns knows it."""
    spelled = (
        "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in word) for word in words
    )
    return rf"^\s*({'|'.join(spelled)})\s*$"


def _texts(value: Any) -> Any:
    """One scalar or a list of them -> list of texts."""
    if isinstance(value, str | int | float):
        return [to_text(value)]
    if not isinstance(value, list):
        raise refused(f"must be a text or a list of texts, not {describe(value)}")
    for index, item in enumerate(value):
        if isinstance(item, list | dict) or item is None:
            raise refused(f"must be a text, not {describe(item)}", index)
    return [to_text(item) for item in value]


Texts = Annotated[list[str], BeforeValidator(_texts, json_schema_input_type=Scalar | list[Scalar])]


def _files(value: Any) -> Any:
    return _texts([item for item in value if item is not None] if isinstance(value, list) else value)


#: names of files, or one; an empty item is none
Files = Annotated[list[str], BeforeValidator(_files, json_schema_input_type=Scalar | list[Scalar | None])]


def _tags(value: Any) -> Any:
    if isinstance(value, list):
        value = ["" if item is None else item for item in value]
    found = [tag.strip().lower() for text in _texts(value) for tag in text.split(",")]
    return list(dict.fromkeys(tag for tag in found if tag))


Tags = Annotated[list[str], BeforeValidator(_tags, json_schema_input_type=Scalar | list[Scalar | None])]


def _exit_codes(value: Any) -> Any:
    """An int, a numeric text, or a list of them -> list of ints."""
    codes = value if isinstance(value, list) else [value]
    for index, code in enumerate(codes):
        text = str(code)
        if isinstance(code, bool) or not isinstance(code, int | str) or not _WHOLE.fullmatch(text):
            at = (index,) if isinstance(value, list) else ()
            raise refused(f"must be an exit code, not {describe(code)}", *at)
    return [int(str(code)) for code in codes]


ExitCodes = Annotated[
    list[ExitCode], BeforeValidator(_exit_codes, json_schema_input_type=int | str | list[int | str])
]


def _env(value: Any, info: ValidationInfo[Any]) -> Any:
    """A mapping, or a list of mappings and `NAME=value` texts -> entries in order of writing."""
    if isinstance(value, dict):
        return _entries(value, info)
    if not isinstance(value, list):
        raise refused(f"must be a mapping or a list, not {describe(value)} (env must be map or array)")
    entries: list[EnvEntry] = []
    for index, item in enumerate(value):
        if isinstance(item, dict):
            entries += _entries(item, info)
        elif isinstance(item, str) and item.partition("=")[0].strip() and "=" in item:
            name, _, text = item.partition("=")
            entries.append(EnvEntry(name.strip(), text))
        else:
            message = f"must be a mapping or KEY=value, not {describe(item)} (invalid format)"
            report_item(info, value, index, message)
    return entries


def _entries(values: dict[str, Any], info: ValidationInfo[Any]) -> list[EnvEntry]:
    for name in values:
        if not name or "=" in name:
            report_item(info, values, name, f"must have a name without `=`, not {name!r}")
    return [EnvEntry(name, to_text(plain(value))) for name, value in values.items()]


Env = Annotated[
    list[EnvEntry],
    BeforeValidator(_env, json_schema_input_type=dict[str, Any] | list[dict[str, Any] | str]),
]


def _shell(value: Any) -> Any:
    """A command line or a list of words -> list of words."""
    if isinstance(value, str):
        import shlex

        try:
            words = shlex.split(value)
        except ValueError as error:
            raise refused(f"must be a command line: {str(error).lower()}") from None
    else:
        words = _texts(value)
    if value and not any(words):
        raise refused("must name a program")
    return words


ShellWords = Annotated[list[str], BeforeValidator(_shell, json_schema_input_type=Scalar | list[Scalar])]


def _log_output(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    if word == "":
        return None
    if word not in ("separate", "merged"):
        raise refused(
            f"must be `separate` or `merged`, not {describe(value)} (invalid logOutput value)", code="D005"
        )
    return word


LogOutputWord = Annotated[
    str | None,
    BeforeValidator(_log_output),
    Field(
        json_schema_extra={
            "anyOf": [
                {"enum": ["separate", "merged", "", None]},
                {"type": "string", "pattern": any_case(["separate", "merged"])},
            ]
        }
    ),
]


def _text_map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refused(f"must be a mapping of texts, not {describe(value)}")
    for key, item in value.items():
        if isinstance(item, list | dict):
            raise refused(f"must be a text, not {describe(item)}", key)
    return {key.strip(): to_text(item).strip() for key, item in value.items()}


TextMap = Annotated[
    dict[str, str], BeforeValidator(_text_map, json_schema_input_type=dict[str, Scalar | None])
]


def _queue_name(value: str) -> str:
    if not (name := value.strip()):
        return ""
    try:
        return check_queue_name(name)
    except UsageError as error:
        raise refused(str(error), code="D006", hint=error.hint) from None


def _queue_text(value: str) -> str:
    return value.strip() if is_reference(value) else _queue_name(value)


QueueName = Annotated[str, AfterValidator(_queue_name)]
#: the same, or a text that only the run can evaluate
QueueText = Annotated[str, AfterValidator(_queue_text)]


def _priority(value: Any) -> Any:
    if value is None:
        return None
    try:
        return priority_of(to_text(value))
    except UsageError as error:
        raise refused(f"must be a priority, not {describe(value)}", code="D005", hint=error.hint) from None


def _priority_text(value: Any) -> Any:
    text = to_text(value).strip()
    return text if not text or is_reference(text) else str(_priority(value))


_WORDS = Field(json_schema_extra={"examples": ["low", "normal", "high", 0, 9]})
#: 0 to 9, written as a number or a word
Priority = Annotated[int | None, BeforeValidator(_priority, json_schema_input_type=int | str), _WORDS]
#: the same as text, which may be one that only the run can evaluate; "" = not given
PriorityText = Annotated[str, BeforeValidator(_priority_text, json_schema_input_type=int | str), _WORDS]


#: texts that `number_or_reference` takes
WholeText = Annotated[str, Field(pattern=r"^\s*[0-9]{1,11}\s*$|[$`]")]
NumberText = Annotated[str, Field(pattern=r"^\s*[0-9]*\.?[0-9]+\s*$|[$`]")]


def number_or_reference(value: Any, *, whole: bool) -> float | str:
    """A number, a text that is one, or a text that only the run can evaluate.

    Raises the validator's error for anything else.
    """
    if isinstance(value, str):
        if is_reference(value):
            return value
        text = value.strip()
        if text.isdecimal() and len(text) < 12:
            return int(text)
        if not whole and text.replace(".", "", 1).isdecimal() and len(text) < 24:
            return float(text)
    elif (
        not isinstance(value, bool) and isinstance(value, int if whole else (int, float)) and isfinite(value)
    ):
        return value + 0
    kind = "a whole number" if whole else "a number of seconds"
    raise refused(f"must be {kind} or a ${{reference}}, not {describe(value)}")
