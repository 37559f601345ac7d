"""How one hook of one plugin is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pluggy


def is_traced(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks to see every hook call (`DAGU_TRACE_HOOKS=1`)."""
    return environ.get("DAGU_TRACE_HOOKS", "") not in ("", "0")


def called(found: pluggy.HookImpl, **arguments: Any) -> Any:
    """What the plugin answers, given those of the arguments it takes."""
    return found.function(*(arguments[name] for name in found.argnames))


def traced(hook: str, found: pluggy.HookImpl) -> Callable[..., Any]:
    """A function that calls the plugin and tells on stderr what it answered."""

    def call(**arguments: Any) -> Any:
        started = time.monotonic()
        answer = called(found, **arguments)
        spent = (time.monotonic() - started) * 1000
        sys.stderr.write(f"hook {hook} <- {found.plugin_name}: {answer!r} in {spent:.1f} ms\n")
        return answer

    return call
