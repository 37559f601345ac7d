"""What a developer needs to know about an error nobody foresaw, kept off the terminal."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.base.clock import rfc3339

if TYPE_CHECKING:
    from dagu_core.cli.invocation import Invocation


def write_report(invocation: Invocation) -> Path:
    """Write the exception being handled into a file of its own; return the file.

    The command line is not part of it: parameters may be secret. Raises OSError when there is no
    place to write at all.
    """
    clock = invocation.clock
    text = "\n".join(
        [
            f"time: {rfc3339(clock.now())}",
            f"python: {platform.python_version()} on {platform.platform()}",
            f"verb: {next((word for word in sys.argv[1:2]), '')}",
            "",
            traceback.format_exc(),
        ]
    )
    name = f"bug-{int(clock.now())}-{clock.new_token()}.txt"
    try:
        folder = invocation.settings.paths.data / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    except Exception:
        # The settings may be what is broken.
        folder = Path(tempfile.mkdtemp(prefix="dagu-"))
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return folder / name
