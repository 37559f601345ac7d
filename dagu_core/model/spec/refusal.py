"""How a validator says no."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def refused(message: str, *at: str | int, code: str = "D002", hint: str = "") -> PydanticCustomError:
    """The error a validator raises: `message` continues the user's key (``must be ...``).

    `at` leads from the validated value to the part that is wrong.
    """
    return PydanticCustomError("refused", "{message}", {"message": message, "at": at, "code": code, "hint": hint})


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
