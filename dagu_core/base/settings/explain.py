"""How settings are told to people."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr


def shown(value: Any) -> Any:
    """`value` as plain data, secrets as ***."""
    match value:
        case SecretStr():
            return "***" if value.get_secret_value() else ""
        case BaseModel():
            return {name: shown(getattr(value, name)) for name in type(value).model_fields}
        case list() | tuple():
            return [shown(item) for item in value]
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case os.PathLike():
            return str(value)
    return value


def did_you_mean(path: tuple[str, ...], spellings: Mapping[tuple[str, ...], str]) -> str:
    """A key of the same section with a like name, else the same name in another section."""
    beside = {known[-1]: key for known, key in spellings.items() if known[:-1] == path[:-1]}
    near = difflib.get_close_matches(path[-1], beside, n=1, cutoff=0.7)
    meant = (
        beside[near[0]] if near else next((k for known, k in spellings.items() if known[-1] == path[-1]), "")
    )
    return f". Did you mean `{meant}`?" if meant else ""
