"""Wraps a hook, which would change what other plugins offer."""

from collections.abc import Generator
from typing import Any

from dagu_core import hookimpl


@hookimpl(wrapper=True)
def dagu_register_executors() -> Generator[None, Any, Any]:
    return (yield)
