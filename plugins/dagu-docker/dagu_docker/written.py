"""Looking into what a file says, before it is anything but keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu_docker.raw import folded


def under(holder: Any, word: str) -> Any:
    """What stands under a key, however it is spelled; `word` is the key in small letters, without `_`."""
    entries = holder.items() if isinstance(holder, Mapping) else ()
    return next((value for key, value in entries if folded(key) == word), None)
