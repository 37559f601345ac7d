"""An app that answers what it was told to, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dagu_core.model.run.run import RunRef

#: takes the words of a command, gives its exit code
Dagu = Callable[..., int]
#: gives the exit code, what it wrote to stdout, and to stderr
InHome = Callable[..., tuple[int, str, str]]
Capture = pytest.CaptureFixture[str]

REFS = [RunRef("pair", "r1"), RunRef("pair", "r2")]


class Asked:
    """Answers every method with one prepared value and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def method(*args: Any, **more: Any) -> Any:
            self.calls.append((name, args, more))
            return self.answer

        return method
