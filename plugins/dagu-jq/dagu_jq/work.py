"""Runs one query; the side of the step's own process."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_jq.render import TooDeep, render

_HALT = "\x00halt"
#: the library ends a query at `halt_error` as if all were well
_PRELUDE = (
    'def halt_error(code): error({"\\u0000halt": [., code]}); def halt_error: halt_error(5); '
    'def input: error("`input` is not available: use `inputs` with nullInput, or slurp"); '
    "def inputs: input; "
)
#: the library has no input beyond the one value it works on
_INPUTS = ". as $__inputs | def inputs: $__inputs[]; null | "


def query(request: dict[str, Any]) -> int:
    """Write each result of the query to stdout."""
    # No handler of Python's runs while the library computes: only the kernel can end it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _bound_memory(request["maxMemory"])
    text = _input(request)
    results = _results(request, text)
    while True:
        try:
            result = next(results)
            line = _line(request, result)
        except StopIteration:
            return 0
        except TooDeep as error:
            raise Failed(f"jq: {error}") from None
        except ValueError as error:
            return _failure(str(error))
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()  # nothing else runs until the next result, however long it takes


def _bound_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the library aborts when there is no more


def _input(request: dict[str, Any]) -> str:
    if request["input"]:
        try:
            with open(request["input"], "rb") as file:
                data = file.read()
        except OSError as error:
            raise Failed(f"cannot read the input {request['input']}: {error.strerror}") from None
    else:
        data = request["script"].encode("utf-8", "surrogateescape")
    text = data.decode("utf-8-sig", "replace")
    if not (text.strip() or request["slurp"] or request["nullInput"]):
        raise Failed("jq: the input is empty")
    return text


def _results(request: dict[str, Any], text: str) -> Iterator[str]:
    """The results as JSON text: as Python values, integers beyond 2^53 would lose digits."""
    import jq  # type: ignore[import-not-found]

    program, variables = request["query"], request["variables"]
    try:
        jq.compile(program, args=variables)
    except ValueError as error:
        raise Failed(str(error)) from None
    start = _PRELUDE + (_INPUTS if request["nullInput"] else "")
    # The line break ends a comment of the query.
    whole = jq.compile(f"{start}({program}\n) | tojson", args=variables)
    slurp = request["slurp"] or request["nullInput"]
    return iter(whole.input_text(text, slurp=slurp))


def _line(request: dict[str, Any], result: str) -> bytes:
    if request["raw"] and result.startswith('"'):
        line = json.loads(result)
    elif request["raw"] and result == "null":
        line = ""
    else:
        flat = request["raw"] or request["compact"]
        line = render(result, indent=None if flat else 4, sort_keys=request["sortKeys"])
    return f"{line}\n".encode("utf-8", "replace")


def _failure(text: str) -> int:
    """Tell what went wrong; the exit code."""
    if text.startswith("{"):
        try:
            value, code = json.loads(text)[_HALT]
        except (ValueError, KeyError, TypeError):
            pass
        else:
            if not isinstance(code, int):
                raise Failed("jq: halt_error/1: number required")
            raise Failed(value if isinstance(value, str) else json.dumps(value), code & 255)
    if text.startswith("parse error: "):
        raise Failed(f"jq: invalid JSON input: {text.removeprefix('parse error: ')}")
    raise Failed(f"jq: {text}")
