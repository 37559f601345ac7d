"""An FTP server as a tree, with TLS or without."""

from __future__ import annotations

import contextlib
import ftplib
import ssl
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from dagu_ftp.ftp_session import FtpSession
from dagu_ftp.listing import fact_entry, line_entry, moment, stamp
from dagu_ftp.local import BLOCK
from dagu_ftp.options import FtpOptions
from dagu_ftp.problems import (
    FULL,
    IDENTITY,
    LOGIN,
    MISSING,
    UNAVAILABLE,
    Problem,
    Warn,
    problem_of,
    warn_on_stderr,
)
from dagu_ftp.tree import Entry, folder_of, joined, name_of

_LISTS = frozenset({"MLST", "MLSD"})


class FtpServer:
    """Speaks to servers with MLSD, MLST, SIZE, MDTM, MFMT and without."""

    def __init__(self, options: FtpOptions, timeout: float, now: float, warn: Warn = warn_on_stderr) -> None:
        self._options = options
        self._warn = warn
        self._timeout = timeout
        self._now = now
        self._session: FtpSession | None = None
        #: what FEAT says, by its first word
        self._features: dict[str, str] = {}
        self._home = "/"
        self._type = ""

    def connect(self) -> None:
        options = self._options
        if self._session is not None:
            self._session.close()
        session = FtpSession(options.tls, self._context(), self._timeout, options.encoding)
        self._session, self._type = session, ""
        port = options.port or (990 if options.tls == "implicit" else 21)
        with _problems(f"{options.host}:{port}"):
            try:
                session.connect(options.host, port)
            except ftplib.error_perm as error:
                raise Problem(f"the server does not offer TLS: {error}", IDENTITY) from None
            try:
                session.enter(options.user or "anonymous", options.password)
            except ftplib.error_perm as error:
                raise Problem(f"login as {options.user or 'anonymous'!r} refused: {error}", LOGIN) from None
            self._features = self._asked_features(session)
            if "UTF8" in self._features and options.encoding.replace("-", "").lower() == "utf8":
                self._try("OPTS UTF8 ON")
            if "unix.mode" in self._features.get("MLST", ""):
                self._try("OPTS MLST type;size;modify;unix.mode;")
            try:
                self._home = session.pwd() or "/"
            except ftplib.error_perm:
                self._home = "/"

    def _context(self) -> ssl.SSLContext:
        options = self._options
        if options.tls == "none":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context = ssl.create_default_context(cafile=options.ca_file or None)
            if options.cert_file:
                context.load_cert_chain(options.cert_file, options.key_file or None)
        except OSError as error:
            raise Problem(f"cannot use caFile, certFile or keyFile: {error}", IDENTITY) from None
        if not options.tls_verify:
            self._warn(f"the certificate of {options.host} is not checked")
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @staticmethod
    def _asked_features(session: FtpSession) -> dict[str, str]:
        try:
            lines = session.sendcmd("FEAT").splitlines()[1:-1]
        except ftplib.Error:
            return {}
        pairs = (line.strip().partition(" ") for line in lines)
        return {word.upper(): rest.lower() for word, _, rest in pairs if word}

    def close(self) -> None:
        if self._session is None or self._session.sock is None:
            return
        try:
            self._session.sock.settimeout(min(self._timeout, 2.0))
            self._session.quit()
        except (ftplib.Error, OSError, EOFError):
            self._session.close()

    def cut(self) -> None:
        if self._session is not None:
            self._session.cut()

    def entries(self, folder: str) -> list[Entry]:
        with _problems(folder):
            session = self._ready("A")
            try:
                session.cwd(self._path(folder))
            except ftplib.error_perm:
                raise Problem(f"there is no folder {folder!r} on the server", MISSING) from None
            if self._features.keys() & _LISTS:
                try:
                    return [each for line in self._lines("MLSD") if (each := fact_entry(line))]
                except ftplib.error_perm:
                    self._features = {word: self._features[word] for word in self._features.keys() - _LISTS}
            return [each for line in self._lines("LIST") if (each := line_entry(line, self._now))]

    def stat(self, path: str) -> Entry | None:
        with _problems(path):
            session = self._ready("I")
            where = self._path(path)
            if "MLST" in self._features:
                with contextlib.suppress(ftplib.error_perm):
                    lines = session.sendcmd(f"MLST {where}").splitlines()
                    entry = fact_entry(lines[1].strip()) if len(lines) > 2 else None
                    if entry is not None and entry.kind != "link":
                        return replace(entry, name=name_of(path))  # servers answer with the whole path
            with contextlib.suppress(ftplib.error_perm):
                size = session.size(where)
                return Entry(name_of(path), "file", size, self._asked_time(where))
            with contextlib.suppress(ftplib.error_perm):
                session.cwd(where)
                return Entry(name_of(path), "folder")
            return self._listed(path)

    def _listed(self, path: str) -> Entry | None:
        """For servers without SIZE: what the folder says, names with a leading dot included."""
        if "SIZE" in self._features or not name_of(path):
            return None
        try:
            self._ready("A").cwd(folder_of(self._path(path)))
            found = [line_entry(line, self._now) for line in self._lines("LIST -a")]
        except ftplib.error_perm:
            return None
        return next((each for each in found if each and each.name == name_of(path)), None)

    def modified(self, path: str, entry: Entry) -> float | None:
        if entry.is_exact:
            return entry.modified
        with _problems(path):
            return self._asked_time(self._path(path)) or entry.modified

    def asked_time(self, path: str) -> float | None:
        with _problems(path):
            return self._asked_time(self._path(path))

    def real(self, path: str) -> str:
        with _problems(path):
            session = self._ready("")
            try:
                session.cwd(self._path(path))
                return session.pwd() or "/"
            except ftplib.error_perm:
                raise Problem(f"there is no folder {path!r} on the server", MISSING) from None

    def _asked_time(self, where: str) -> float | None:
        answer = self._try(f"MDTM {where}")
        return moment(answer[4:]) if answer else None

    def make_folder(self, path: str) -> None:
        with _problems(path):
            session = self._ready("")
            try:
                session.mkd(self._path(path))
            except ftplib.error_perm:
                # Somebody else may have made it: then it can be entered.
                try:
                    session.cwd(self._path(path))
                except ftplib.error_perm:
                    raise Problem(f"the server did not make the folder {path!r}") from None

    def remove(self, path: str) -> None:
        with _problems(path):
            self._ready("").delete(self._path(path))

    def remove_folder(self, path: str) -> None:
        with _problems(path):
            self._ready("").cwd("/")
            self._ready("").rmd(self._path(path))

    def rename(self, old: str, new: str) -> None:
        with _problems(new):
            session = self._ready("")
            try:
                session.rename(self._path(old), self._path(new))
            except ftplib.error_perm:
                # Some servers refuse a name that is taken.
                if self._try(f"DELE {self._path(new)}") is None:
                    raise
                session.rename(self._path(old), self._path(new))

    def set_modified(self, path: str, modified: float) -> None:
        with _problems(path):
            command = "MFMT" if "MFMT" in self._features else "MDTM"
            if self._try(f"{command} {stamp(modified)} {self._path(path)}") is None:
                raise Problem("the server does not let times be set")

    def set_mode(self, path: str, mode: int) -> None:
        with _problems(path):
            if self._try(f"SITE CHMOD {mode & 0o777:o} {self._path(path)}") is None:
                raise Problem("the server does not let permissions be set")

    def read(self, path: str, offset: int = 0) -> Generator[bytes, None, None]:
        with _problems(path):
            session = self._ready("I")
            with session.channel(f"RETR {self._path(path)}", offset or None) as conn:
                while block := conn.recv(BLOCK):
                    yield block

    def write(self, path: str, blocks: Iterable[bytes], offset: int = 0) -> None:
        with _problems(path):
            session = self._ready("I")
            with session.channel(f"{'APPE' if offset else 'STOR'} {self._path(path)}") as conn:
                for block in blocks:
                    conn.sendall(block)

    def _lines(self, command: str) -> Iterator[str]:
        # Read as bytes: a name may hold what text mode takes for the end of a line.
        with self._ready("A").channel(command) as conn, conn.makefile("rb") as file:
            for line in file:
                yield line.rstrip(b"\r\n").decode(self._options.encoding, "surrogateescape")

    def _ready(self, kind: str) -> FtpSession:
        """The session, in text or binary mode: sizes and content are right in binary mode only."""
        if self._session is None or self._session.sock is None:
            raise Problem("the connection was lost", UNAVAILABLE, is_passing=True)
        if kind and kind != self._type:
            self._session.voidcmd(f"TYPE {kind}")
            self._type = kind
        return self._session

    def _try(self, command: str) -> str | None:
        """The answer to a command that servers need not know."""
        try:
            return self._ready("").sendcmd(command)
        except ftplib.error_perm:
            return None

    def _path(self, path: str) -> str:
        """Absolute, because listing a folder enters it."""
        path = path.removeprefix("~/")
        if path in ("", ".", "~"):
            return self._home
        return path if path.startswith("/") else joined(self._home, path)


@contextlib.contextmanager
def _problems(what: str) -> Iterator[None]:
    try:
        yield
    except ftplib.error_temp as error:
        raise _temporary(what, str(error)) from None
    except ftplib.error_perm as error:
        text = str(error)
        if text.startswith("530"):
            raise Problem(f"{what}: the login does not hold: {text}", LOGIN) from None
        raise Problem(f"{what}: {text}", FULL if _speaks_of_space(text) else 20) from None
    except ftplib.Error as error:
        raise Problem(f"{what}: the server talks nonsense: {error}", UNAVAILABLE, is_passing=True) from None
    except (OSError, EOFError, UnicodeError) as error:
        problem = problem_of(error)
        raise Problem(f"{what}: {problem}", problem.code, is_passing=problem.is_passing) from None


def _temporary(what: str, text: str) -> Problem:
    if _speaks_of_space(text):
        return Problem(f"{what}: no space left on the server: {text}", FULL)
    if text.startswith(("421", "425", "426")):
        return Problem(f"{what}: the connection was lost: {text}", UNAVAILABLE, is_passing=True)
    return Problem(f"{what}: {text}", is_passing=True)


def _speaks_of_space(text: str) -> bool:
    words = ("no space", "disk full", "quota", "insufficient storage", "local file")
    return text.startswith(("452", "552")) or any(word in text.lower() for word in words)
