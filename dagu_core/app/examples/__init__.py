"""The DAG files a new home begins with."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from dagu_core.engine.logs import make_folder, write_private

#: what Dagu leaves where it has made examples; it makes none where it finds that
MARKER = ".examples-created"


def make_examples(folder: Path) -> None:
    """Make the DAGs folder with the examples in it, at once or not at all; one that is there, or cannot be
    made, stays as it is."""
    with contextlib.suppress(OSError):
        make_folder(folder.parent)
        made = folder.with_name(f".{folder.name}.{os.getpid()}")
        made.mkdir(0o700, exist_ok=True)
        try:
            for example in sorted(Path(__file__).parent.glob("*.yaml")):
                write_private(made / example.name, example.read_bytes())
            write_private(made / MARKER, b"")
            made.chmod(0o750)
            if not folder.exists():
                os.rename(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
