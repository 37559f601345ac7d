"""Code for a shell that is not ours: on another machine, in a container."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from dagu_core.contracts.executor import Attempt

_REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def variables_in(code: Iterable[str], attempt: Attempt[Any]) -> dict[str, str]:
    """The variables of an attempt that `code` prepared in the mode "posix" refers to: given to that shell as
    its environment, no value is ever code.

    What this machine's own environment has (HOME, PATH) is left out: over there it is another.
    """
    names = dict.fromkeys(name for text in code for name in _REFERENCE.findall(text))
    return {name: attempt.env[name] for name in names if name in attempt.env and name not in os.environ}
