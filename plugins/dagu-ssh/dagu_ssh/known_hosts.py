"""Whether a host is who it says it is: files of known host keys, as `ssh` reads them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dagu_core.contracts.work import Failed

DEFAULT_FILES = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that speaks of the host: its key, and where the line stands."""

    kind: str
    key: str
    file: str
    line: int
    revoked: bool = False


class KnownHosts:
    """The lines about one host of one port, of all given files."""

    def __init__(self, file: str, host: str, port: int) -> None:
        self.name = host.lower() if port == 22 else f"[{host.lower()}]:{port}"
        self.file = os.path.expanduser(file or DEFAULT_FILES[0])
        files = (file,) if file else DEFAULT_FILES
        self.entries = [entry for each in files for entry in self._read(os.path.expanduser(each))]

    @property
    def kinds(self) -> list[str]:
        """The kinds of key the host is known by."""
        return list(dict.fromkeys(entry.kind for entry in self.entries if not entry.revoked))

    def check(self, kind: str, key: str) -> None:
        """Raises Failed unless this is the key the host is known by."""
        shown = f"{kind} {fingerprint(key)}"
        same = [entry for entry in self.entries if entry.key == key]
        if revoked := next((entry for entry in same if entry.revoked), None):
            raise Failed(
                f"refused, nothing was run: the key of host {self.name} ({shown}) is revoked "
                f"in {revoked.file}, line {revoked.line}",
                255,
            )
        if same:
            return
        known = [entry for entry in self.entries if not entry.revoked]
        if other := next((entry for entry in known if entry.kind == kind), None):
            raise Failed(
                f"refused, nothing was run: the key of host {self.name} HAS CHANGED. It shows {shown}, "
                f"known is {fingerprint(other.key)} ({other.file}, line {other.line})\n"
                "hint: somebody may be in between. If the new key is meant to be, remove that line.",
                255,
            )
        what = "has another kind of key than is known" if known else "is unknown"
        raise Failed(
            f"refused, nothing was run: host {self.name} {what}. It shows {shown}\n"
            f"hint: if that is its fingerprint, add this line to {self.file}:\n{self.name} {kind} {key}",
            255,
        )

    def _read(self, file: str) -> Iterator[Entry]:
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    words = line.split()
                    mark = words.pop(0) if words and words[0].startswith("@") else ""
                    if len(words) < 3 or words[0].startswith("#") or mark not in ("", "@revoked"):
                        continue
                    if _speaks_of(words[0], self.name):
                        yield Entry(words[1], words[2], file, number, revoked=bool(mark))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise Failed(f"cannot read the known hosts: {file}: {error.strerror}", 255) from None


def fingerprint(key: str) -> str:
    """The short form of a key (given in base64) that people compare."""
    try:
        digest = hashlib.sha256(base64.b64decode(key)).digest()
    except ValueError:
        return "unreadable"
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _speaks_of(hosts: str, name: str) -> bool:
    if hosts.startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in hosts[3:].split("|"))
        except ValueError:
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
    found = False
    for pattern in hosts.lower().split(","):
        if _matches(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None
