"""One file from one tree to another: whole under its name, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from dagu_ftp.options import Options
from dagu_ftp.problems import Interrupted, Problem, problem_of
from dagu_ftp.progress import Progress
from dagu_ftp.selection import Found
from dagu_ftp.tree import PART, Tree, folder_of, joined

#: files below this size are sent again rather than resumed
_WORTH_RESUMING = 256 << 10


@dataclass(frozen=True, slots=True)
class Pair:
    """A file and where it goes."""

    found: Found
    destination: str


@dataclass(slots=True)
class Transfer:
    """Sends files from `source` to `target`, one of which is a server."""

    source: Tree
    target: Tree
    options: Options
    progress: Progress

    def run(self, pair: Pair) -> None:
        """Bring one file over and check it. On errors that pass, what is there already is kept."""
        part = self._part(pair) if self.options.atomic else pair.destination
        try:
            size, digest = self._send(pair, part)
            self._check(pair, part, size, digest)
            self._dress(pair, part)
            if part != pair.destination:
                self.target.rename(part, pair.destination)
        except Interrupted:
            self._drop(part)
            raise
        except Exception as error:
            problem = problem_of(error)
            if not (problem.is_passing and self.options.resume and self.options.atomic):
                self._drop(part)
            raise problem from None
        if self.options.delete_source:
            self.source.remove(pair.found.path)
        facts = {"source": pair.found.path, "destination": pair.destination}
        self.progress.done(**facts, bytes=size, sha256=digest)

    def _part(self, pair: Pair) -> str:
        """The name until it is whole: the same in every attempt, another when the source changed."""
        entry = pair.found.entry
        mark = f"{self.options.part}|{pair.destination}|{pair.found.path}|{entry.size}|{entry.modified}"
        digest = hashlib.sha256(mark.encode("utf-8", "surrogateescape")).hexdigest()
        return joined(folder_of(pair.destination), f"{PART}{digest[:16]}")

    def _send(self, pair: Pair, part: str) -> tuple[int, str]:
        whole = pair.found.entry.size
        offset = self._there_already(part, whole)
        digest = hashlib.sha256()
        if offset:
            self._catch_up(pair.found.path, part, offset, digest)
        sent = offset
        self.progress.current = pair.found.path

        def blocks() -> Generator[bytes, None, None]:
            nonlocal sent
            with closing(self.source.read(pair.found.path, offset)) as read:
                for block in read:
                    most = self.progress.block_size(len(block))
                    for start in range(0, len(block), most):
                        piece = block[start : start + most]
                        self.progress.step(len(piece))
                        digest.update(piece)
                        sent += len(piece)
                        yield piece

        with closing(blocks()) as content:
            self.target.write(part, content, offset)
        if self.options.verify != "none" and whole is not None and sent != whole:
            raise Problem(f"{pair.found.path}: {sent} bytes instead of {whole}: it changed, or was cut short")
        return sent, digest.hexdigest()

    def _there_already(self, part: str, whole: int | None) -> int:
        """How much of it an earlier try brought over."""
        if not (self.options.resume and self.options.atomic and whole and whole >= _WORTH_RESUMING):
            return 0
        entry = self.target.stat(part)
        return entry.size if entry is not None and entry.size and entry.size <= whole else 0

    def _catch_up(self, source: str, part: str, offset: int, digest: hashlib._Hash) -> None:
        """Hash what need not be sent again, from the end of the line that is here."""
        tree, path = (self.source, source) if self.options.upward else (self.target, part)
        left = offset
        with closing(tree.read(path)) as read:
            for block in read:
                self.progress.check()
                digest.update(block[:left])
                left -= len(block)
                if left <= 0:
                    break

    def _check(self, pair: Pair, part: str, size: int, digest: str) -> None:
        if self.options.verify == "none":
            return
        found = self.target.stat(part)
        if found is None or (found.size is not None and found.size != size):
            there = "nothing" if found is None else f"{found.size} bytes"
            raise Problem(f"{size} bytes were sent, but there is {there} at the other end")
        if self.options.verify == "sha256":
            upward = self.options.upward
            seen = self._hash(self.target, part) if upward else self._hash(self.source, pair.found.path)
            if seen != digest:
                raise Problem(f"the server has other content: sha256 {seen} instead of {digest}")

    def _hash(self, tree: Tree, path: str) -> str:
        digest = hashlib.sha256()
        with closing(tree.read(path)) as read:
            for block in read:
                self.progress.check()
                digest.update(block)
        return digest.hexdigest()

    def _dress(self, pair: Pair, part: str) -> None:
        """Times and permissions, before anybody sees it under its name."""
        entry = pair.found.entry
        if self.options.preserve_permissions and entry.mode is not None:
            self.target.set_mode(part, entry.mode)
        if self.options.preserve_times:
            modified = self.source.modified(pair.found.path, entry)
            if modified is not None:
                self.target.set_modified(part, modified)

    def _drop(self, part: str) -> None:
        with contextlib.suppress(Problem, OSError):
            self.target.remove(part)
