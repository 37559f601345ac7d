"""Values that no environment can hold: they stand in files, and nobody takes one for empty."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.base.errors import Invalid
from dagu_core.engine.logs import make_folder, write_private
from dagu_core.model.values.scope import Scope

if TYPE_CHECKING:
    from dagu_core.engine.context import RunContext

#: the kernel takes no longer string in an environment, NAME= and the final NUL included
ENV_LIMIT = 131_072
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{1,200}")
#: what a shell reads itself; `${NAME.path}` it is given as a value of its own
_NAMED = re.compile(r"\$(?:\{[#!]?(?![A-Za-z0-9_]+\.))?([A-Za-z0-9_]+)")


def fits(name: str, value: str) -> bool:
    """Whether an environment can hold `NAME=value`."""
    return len(value) < ENV_LIMIT // 4 or len(name) + size(value) + 2 <= ENV_LIMIT


def size(value: str) -> int:
    """The bytes of a value."""
    return len(value.encode("utf-8", "replace"))


def in_file(folder: str | Path, name: str, value: str) -> str:
    """Write a value to a private file in `folder`; its path is what `NAME_FILE` holds. Raises OSError."""
    if not _PLAIN_NAME.fullmatch(name):
        name = str(zlib.crc32(name.encode("utf-8", "replace")))
    make_folder(folder)
    path = f"{folder}/{name}"
    write_private(path, value.encode("utf-8", "replace"))
    return path


def keep_large(context: RunContext, folder: Path) -> None:
    """Put the values of a run that are too large into files, `NAME_FILE` beside each of them; only
    secrets are not written anywhere. Raises OSError."""
    large = {name: value for name, value in context.base_env.items() if not fits(name, value)}
    context.large = frozenset(large)
    for name in large.keys() - context.secrets.keys():
        context.base_env[f"{name}_FILE"] = in_file(folder, name, large[name])


def refuse_too_large(texts: Iterable[str], scope: Scope) -> None:
    """Raise Invalid when a shell is to read a variable that its environment cannot hold."""
    for name in sorted({name for text in texts for name in _NAMED.findall(text)}):
        value = scope.get(name)
        if value is None or fits(name, value):
            continue
        kind = "output" if value == scope.outputs.get(name) else "variable"
        message = f"{kind} {name} is {size(value)} bytes, too large for an environment variable"
        raise Invalid(message if scope.get(f"{name}_FILE") is None else f"{message}; read ${name}_FILE")
