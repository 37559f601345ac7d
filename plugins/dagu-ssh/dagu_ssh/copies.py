"""Files and folders there and back over SFTP: modes kept, and never half a file under its name."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagu_core.contracts.work import Failed

if TYPE_CHECKING:
    from paramiko import SFTPClient, Transport

_CHUNK = 256 << 10
#: requests under way at once: enough to fill a line, few enough to stay small
_AHEAD = 64


class Copies:
    """Copies between this machine and the one behind `transport`."""

    def __init__(self, transport: Transport, place: str, token: str, warn: Callable[[str], None]) -> None:
        self._transport, self._place, self._warn = transport, place, warn
        self._suffix = f".{token[:8]}.part"
        self._sftp = self._open()

    def _open(self) -> SFTPClient:
        from paramiko import SSHException

        try:
            sftp = self._transport.open_sftp_client()
        except (SSHException, EOFError):
            sftp = None
        if sftp is None:
            raise Failed(f"{self._place} offers no SFTP: nothing can be copied", 1)
        return sftp

    def upload(self, source: str, to: str) -> None:
        """Copy a local file or folder there. Raises Failed."""
        source = os.path.expanduser(source)
        to = _there(to)
        if to.endswith("/"):
            to = posixpath.join(to, os.path.basename(os.path.abspath(source)))
        with self._explained(source, f"{self._place}:{to}"):
            self._make_folder(posixpath.dirname(to))
            if not os.path.isdir(source):
                self._put(source, to)
                return
            for folder, folders, files in os.walk(source, onerror=_raise):
                there = posixpath.normpath(posixpath.join(to, os.path.relpath(folder, source)))
                self._make_folder(there)
                self._sftp.chmod(there, _mode(os.stat(folder).st_mode))
                for name in [each for each in folders if os.path.islink(os.path.join(folder, each))]:
                    self._warn(f"not copied, a link to a folder: {os.path.join(folder, name)}")
                    folders.remove(name)
                for name in files:
                    self._put(os.path.join(folder, name), posixpath.join(there, name))

    def download(self, source: str, to: str) -> None:
        """Copy a file or folder from there. Raises Failed."""
        source, to = _there(source), os.path.expanduser(to)
        if to.endswith("/"):
            to = os.path.join(to, posixpath.basename(source.rstrip("/")))
        with self._explained(f"{self._place}:{source}", to):
            os.makedirs(os.path.dirname(os.path.abspath(to)), exist_ok=True)
            self._fetch(source, to)

    def _fetch(self, source: str, to: str) -> None:
        found = self._sftp.stat(source)
        if not stat.S_ISDIR(found.st_mode or 0):
            self._get(source, to, found)
            return
        os.makedirs(to, exist_ok=True)
        for entry in self._sftp.listdir_attr(source):
            # The other machine chooses the names: none of them may lead out of the folder.
            if "/" in entry.filename or entry.filename in ("", ".", ".."):
                raise OSError(f"the host shows a file of the name {entry.filename!r}")
            there = posixpath.join(source, entry.filename)
            if stat.S_ISLNK(entry.st_mode or 0) and stat.S_ISDIR(self._sftp.stat(there).st_mode or 0):
                self._warn(f"not copied, a link to a folder: {there}")
            else:
                self._fetch(there, os.path.join(to, entry.filename))
        os.chmod(to, _mode(found.st_mode or 0o700))

    def _put(self, source: str, to: str) -> None:
        found = os.stat(source)
        if not stat.S_ISREG(found.st_mode):
            self._warn(f"not copied, no regular file: {source}")
            return
        part = to + self._suffix
        with open(source, "rb") as here:
            try:
                with self._sftp.open(part, "wb") as there:
                    there.chmod(0o600)  # until it is whole, what it holds is nobody else's
                    there.set_pipelined(True)
                    shutil.copyfileobj(here, there, _CHUNK)
                if self._sftp.stat(part).st_size != here.tell():
                    raise OSError("it did not arrive whole")
                self._sftp.chmod(part, _mode(found.st_mode))
                self._rename(part, to)
            except BaseException:
                # The client may have been interrupted in the middle of a word: take another.
                with contextlib.suppress(Exception):
                    self._open().remove(part)
                raise

    def _get(self, source: str, to: str, found: Any) -> None:
        if not stat.S_ISREG(found.st_mode or 0):
            self._warn(f"not copied, no regular file: {source}")
            return
        part = to + self._suffix
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as here, self._sftp.open(source, "rb") as there:
                there.prefetch(found.st_size, _AHEAD)
                shutil.copyfileobj(there, here, _CHUNK)
                if here.tell() < found.st_size:
                    raise OSError("it did not arrive whole")
                os.fchmod(here.fileno(), _mode(found.st_mode))
            os.replace(part, to)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise

    def _rename(self, part: str, to: str) -> None:
        if self._is_folder(to):
            raise IsADirectoryError(21, "it is a folder: end `to` with / to copy into it")
        try:
            self._sftp.posix_rename(part, to)
        except FileNotFoundError:
            raise
        except OSError:
            # A server without that extension renames to free names only.
            with contextlib.suppress(OSError):
                self._sftp.remove(to)
            self._sftp.rename(part, to)

    def _make_folder(self, path: str) -> None:
        if not path or path == "/" or self._is_folder(path):
            return
        self._make_folder(posixpath.dirname(path))
        self._sftp.mkdir(path)

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._sftp.stat(path).st_mode or 0)
        except FileNotFoundError:
            return False

    @contextmanager
    def _explained(self, source: str, to: str) -> Iterator[None]:
        from paramiko import SSHException

        try:
            yield
        except (SSHException, EOFError):
            raise Failed(f"cannot copy {source} to {to}: the connection was cut", 255) from None
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            about = f" ({error.filename})" if error.filename and error.filename != source else ""
            raise Failed(f"cannot copy {source} to {to}: {why}{about}", 1) from None


def _there(path: str) -> str:
    """A path as the server takes it: relative ones begin in the user's folder."""
    return path.removeprefix("~/") or "."


def _mode(mode: int) -> int:
    return stat.S_IMODE(mode) & 0o777


def _raise(error: OSError) -> None:
    raise error
