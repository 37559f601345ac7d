"""The files of an SSH server as a tree."""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Generator, Iterable, Iterator

import paramiko

from dagu_ftp.local import kind_of
from dagu_ftp.options import SftpOptions
from dagu_ftp.problems import FULL, MISSING, UNAVAILABLE, Problem, Warn, problem_of, warn_on_stderr
from dagu_ftp.ssh_login import open_clients
from dagu_ftp.tree import Entry, folder_of, name_of

_REQUEST = 32 << 10
#: bytes under way at once: enough for fast lines far away, and all that is held in memory
_WINDOW = 2 << 20


class SftpServer:
    """One SFTP session; paths are relative to the folder the login begins in."""

    def __init__(self, options: SftpOptions, timeout: float, warn: Warn = warn_on_stderr) -> None:
        self._options = options
        self._warn = warn
        self._timeout = timeout
        self._clients: list[paramiko.SSHClient] = []
        self._session: paramiko.SFTPClient | None = None

    def connect(self) -> None:
        self.close()
        self._clients = open_clients(self._options, self._timeout, self._warn)
        where = self._options.hops[-1].host
        with _problems(where):
            try:
                self._session = self._clients[-1].open_sftp()
            except (paramiko.SSHException, EOFError) as error:
                raise Problem(f"{where} does not offer SFTP: {error}", UNAVAILABLE) from None
            channel = self._session.get_channel()
            if channel is not None:
                channel.settimeout(self._timeout)

    def close(self) -> None:
        for client in reversed(self._clients):
            client.close()
        self._clients, self._session = [], None

    def cut(self) -> None:
        for client in self._clients:
            transport = client.get_transport()
            if transport is not None:
                transport.close()

    def entries(self, folder: str) -> list[Entry]:
        with _problems(folder):
            return [_entry(each.filename, each) for each in self._sftp.listdir_attr(_path(folder))]

    def stat(self, path: str) -> Entry | None:
        with _problems(path):
            try:
                return _entry(name_of(path), self._sftp.stat(_path(path)))
            except FileNotFoundError:
                return None

    def modified(self, path: str, entry: Entry) -> float | None:
        return entry.modified

    def asked_time(self, path: str) -> float | None:
        found = self.stat(path)
        return found.modified if found else None

    def real(self, path: str) -> str:
        with _problems(path):
            return self._sftp.normalize(_path(path))

    def make_folder(self, path: str) -> None:
        with _problems(path):
            try:
                self._sftp.mkdir(_path(path))
            except OSError:
                # Servers do not say that it exists, only that they failed.
                found = self._sftp.stat(_path(path))
                if not stat.S_ISDIR(found.st_mode or 0):
                    raise

    def remove(self, path: str) -> None:
        with _problems(path):
            self._sftp.remove(_path(path))

    def remove_folder(self, path: str) -> None:
        with _problems(path):
            self._sftp.rmdir(_path(path))

    def rename(self, old: str, new: str) -> None:
        with _problems(new):
            try:
                self._sftp.posix_rename(_path(old), _path(new))
            except OSError as error:
                if error.errno is not None:
                    raise
                # A server without the extension, whose own rename refuses a name that is taken.
                with contextlib.suppress(OSError):
                    self._sftp.remove(_path(new))
                self._sftp.rename(_path(old), _path(new))

    def set_modified(self, path: str, modified: float) -> None:
        with _problems(path):
            self._sftp.utime(_path(path), (modified, modified))

    def set_mode(self, path: str, mode: int) -> None:
        with _problems(path):
            self._sftp.chmod(_path(path), mode & 0o777)

    def read(self, path: str, offset: int = 0) -> Generator[bytes, None, None]:
        with _problems(path), self._sftp.open(_path(path), "rb") as file:
            size = file.stat().st_size or 0
            while offset < size:
                end = min(offset + _WINDOW, size)
                wanted = [(at, min(_REQUEST, end - at)) for at in range(offset, end, _REQUEST)]
                for block in file.readv(wanted):
                    if not block:
                        return
                    yield block
                offset = end

    def write(self, path: str, blocks: Iterable[bytes], offset: int = 0) -> None:
        with _problems(path):
            try:
                with self._sftp.open(_path(path), "r+b" if offset else "wb") as file:
                    file.seek(offset)
                    _send(file, blocks)
            except OSError as error:
                if error.errno is None and self._is_full(folder_of(path) or "."):
                    raise Problem(f"{path}: no space left on the server", FULL) from None
                raise

    def _is_full(self, folder: str) -> bool:
        """SFTP has no word for a full disk; OpenSSH can be asked how full it is."""
        try:
            _, answer = self._sftp._request(  # type: ignore[attr-defined]
                paramiko.sftp.CMD_EXTENDED, "statvfs@openssh.com", _path(folder)
            )
            block, _, _, _, available = (answer.get_int64() for _ in range(5))
        except (OSError, EOFError, paramiko.SSHException):
            return False
        return bool(available * block < _REQUEST)

    @property
    def _sftp(self) -> paramiko.SFTPClient:
        if self._session is None:
            raise Problem("the connection was lost", UNAVAILABLE, is_passing=True)
        return self._session


def _send(file: paramiko.SFTPFile, blocks: Iterable[bytes]) -> None:
    """Write with requests that go ahead of their answers. Only a write that waits hears the answers
    to those before it, so every window has one, and so has the end."""
    held, waiting = b"", 0
    for block in blocks:
        if held:
            waiting += len(held)
            file.set_pipelined(waiting < _WINDOW)
            file.write(held)
            waiting %= _WINDOW
        held = block
    file.set_pipelined(False)
    file.write(held)


def _path(path: str) -> str:
    return path.removeprefix("~/") or "."


def _entry(name: str, found: paramiko.SFTPAttributes) -> Entry:
    mode = found.st_mode or 0
    modified = float(found.st_mtime) if found.st_mtime is not None else None
    return Entry(name, kind_of(mode), found.st_size, modified, mode=stat.S_IMODE(mode))


@contextlib.contextmanager
def _problems(what: str) -> Iterator[None]:
    try:
        yield
    except Problem:
        raise
    except FileNotFoundError:
        raise Problem(f"{what}: there is no such file on the server", MISSING) from None
    except (paramiko.SSHException, EOFError) as error:
        lost = Problem(f"{what}: the connection was lost ({error})", UNAVAILABLE, is_passing=True)
        raise lost from None
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and str(error) in ("Socket is closed", "size mismatch in get!"):
            raise Problem(f"{what}: the connection was lost", UNAVAILABLE, is_passing=True) from None
        problem = problem_of(error)
        if isinstance(error, OSError) and error.errno == errno.EACCES:
            problem = Problem("permission denied by the server")
        raise Problem(f"{what}: {problem}", problem.code, is_passing=problem.is_passing) from None
