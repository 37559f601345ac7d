"""Rar: a program of the system turns it into a tar stream, which we check like any other."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import BinaryIO, cast

from dagu_archive.codes import CORRUPT, FORMAT, refuse
from dagu_archive.entry import Visit
from dagu_archive.limits import Limits
from dagu_archive.reading.tar import walk_tar


def walk_rar(path: str, limits: Limits, visit: Visit) -> None:
    """Walk over the entries of a rar archive. Needs `bsdtar`."""
    program = shutil.which("bsdtar")
    if program is None:
        refuse(FORMAT, "rar archives need the program bsdtar", "install the package libarchive-tools")
    argv = [program, "--format", "pax", "-cf", "-", f"@{os.path.abspath(path)}"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            walk_tar(cast(BinaryIO, process.stdout), limits, visit)
            failed = process.wait() != 0
        except EOFError:
            failed = True
        except BaseException:
            process.kill()
            raise
        if failed:
            refuse(CORRUPT, f"{path} cannot be read by bsdtar, or is cut off")
