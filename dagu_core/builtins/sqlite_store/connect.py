"""Connections to the file: its mode, the pragmas, and what to do when it cannot be written."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote

from dagu_core.base.reserve import keep
from dagu_core.builtins.sqlite_store.schema import migrate

FILE_MODE = 0o600
FOLDER_MODE = 0o750


def connect(path: str, patience: float) -> tuple[sqlite3.Connection, bool]:
    """An open, migrated connection, and whether it can only read. Waits `patience` seconds for locks."""
    if _is_read_only(path):
        return _for_reading(path, patience), True
    _make_file(path)
    deadline = monotonic() + patience
    while True:
        db = _open(path, "mode=rw", patience)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA wal_autocheckpoint=2000")
            migrate(db, path)
        except sqlite3.OperationalError as error:
            db.close()
            # Switching a new file to WAL fails at once, without the usual wait, when processes race.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.01)
        except BaseException:
            db.close()
            raise
        else:
            keep(path)
            return db, False


def _open(path: str, options: str, patience: float) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"file:{quote(path)}?{options}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    # A damaged text must not hide the rest of its row.
    db.text_factory = _text
    return db


def _for_reading(path: str, patience: float) -> sqlite3.Connection:
    # Without its log beside it a WAL file opens only when SQLite is told that nobody writes.
    for options in ("mode=ro", "immutable=1"):
        db = _open(path, options, patience)
        try:
            migrate(db, path, writable=False)
        except sqlite3.OperationalError:
            db.close()
            if options == "immutable=1":
                raise
        except BaseException:
            db.close()
            raise
        else:
            break
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _is_read_only(path: str) -> bool:
    if not os.path.exists(path):
        return False
    return not (_may(path, os.W_OK) and _may(os.path.dirname(path), os.W_OK | os.X_OK))


def _may(path: str, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _make_file(path: str) -> None:
    folder = Path(path).parent
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(FOLDER_MODE)
            missing.chmod(FOLDER_MODE)
    with contextlib.suppress(FileExistsError):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
        os.close(file)
        os.chmod(path, FILE_MODE)
        if os.name == "posix":
            # The name of the new file must survive a power cut as well.
            entry = os.open(folder, os.O_RDONLY)
            os.fsync(entry)
            os.close(entry)
