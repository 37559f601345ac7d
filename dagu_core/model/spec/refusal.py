"""How a validator says no."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from dagu_core.base.places import Place
from dagu_core.model.spec.located import Map, Seq


def refused(message: str, *at: str | int, code: str = "D002", hint: str = "") -> PydanticCustomError:
    """The error a validator raises: `message` continues the user's key (``must be ...``).

    `at` leads from the validated value to the part that is wrong.
    """
    return PydanticCustomError(
        "refused", "{message}", {"message": message, "at": at, "code": code, "hint": hint}
    )


def report_item(
    info: ValidationInfo[Any],
    container: Any,
    part: int | str,
    message: str,
    *,
    code: str = "D002",
    hint: str = "",
) -> None:
    """Report one item of a value and let the others be judged too; wording as in `refused`."""
    place = Place()
    if isinstance(container, Seq) and isinstance(part, int):
        place = container.item_place(part)
    elif isinstance(container, Map):
        place = container.value_place(str(part))
    field = to_camel(info.field_name or "")
    shown = f"`{field}[{part}]` " if isinstance(part, int) else f"`{field}.{part}` "
    message = shown + message if message.startswith("must") else message
    info.context.findings.error(message, place, code=code, hint=hint)


def describe(value: object) -> str:
    """A value in words, for messages: `a number (5)`, `a list`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"a boolean ({str(value).lower()})"
    if isinstance(value, int | float):
        return f"a number ({getattr(value, 'text', value)})"
    if isinstance(value, str):
        return f"a text ({value[:40]!r})"
    return "a list" if isinstance(value, list) else "a mapping"
