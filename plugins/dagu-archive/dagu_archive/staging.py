"""Work beside the destination, so that it is whole or not there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dagu_archive.codes import DESTINATION, refuse
from dagu_archive.stopping import held


@contextmanager
def parents(path: str) -> Iterator[None]:
    """The folders above `path`, made when missing; those made are gone again after a failure."""
    made: list[str] = []
    try:
        missing, at = [], os.path.dirname(path)
        while at and not os.path.lexists(at):
            missing.append(at)
            at = os.path.dirname(at)
        for each in reversed(missing):
            with held():
                os.mkdir(each)
                made.append(each)
        yield
    except BaseException:
        with held(), suppress(OSError):  # somebody else may use them by now
            for each in reversed(made):
                os.rmdir(each)
        raise


@contextmanager
def folder_beside(path: str, token: str) -> Iterator[str]:
    """A private folder on the file system of the folder `path`; gone at the end."""
    folder = os.path.join(_home(path), f".{os.path.basename(path)}.dagu-{token}")
    _forget(folder)
    try:
        with held():
            os.mkdir(folder, 0o700)
        yield folder
    finally:
        with held():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def file_beside(path: str, token: str) -> Iterator[str]:
    """The path of a new file that becomes `path`; gone at the end unless it was moved."""
    file = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.dagu-{token}")
    _forget(file)
    try:
        yield file
    finally:
        with held(), suppress(FileNotFoundError):
            os.unlink(file)


def _home(path: str) -> str:
    """Where a rename into `path` is possible from: beside it, else inside it."""
    above = os.path.dirname(path)
    if not os.path.isdir(path):
        return above
    same = os.stat(above).st_dev == os.stat(path).st_dev
    return above if same and os.access(above, os.W_OK | os.X_OK) else path


def _forget(path: str) -> None:
    """Remove what an attempt of this very step left that was killed."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or os.lstat(path).st_uid != os.geteuid():
        refuse(DESTINATION, f"{path} is in the way, and not ours")
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
