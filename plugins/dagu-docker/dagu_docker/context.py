"""The build context: which files belong to it, what they add up to, and how they are sent."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docker.utils.build import exclude_paths

from dagu_docker.daemon import Trouble
from dagu_docker.order import Build

#: what a Dockerfile without a file of its own is called in the context
_INLINE = ".dagu.Dockerfile"


@dataclass(frozen=True)
class Context:
    """A context that was looked at; `paths` are relative to its folder and sorted."""

    build: Build
    paths: list[str]
    dockerfile: str

    @classmethod
    def of(cls, build: Build) -> Context:
        """Look at the folder. Raises Trouble when it cannot be used."""
        root = Path(build.context)
        if not root.is_dir():
            raise Trouble(f"build.context: there is no folder {root}")
        name = _INLINE if build.inline else os.path.normpath(build.dockerfile)
        if not build.inline and not (root / name).is_file():
            raise Trouble(f"build.dockerfile: there is no file {root / name}")
        if name.startswith((".." + os.sep, os.sep)):
            raise Trouble(f"build.dockerfile: {build.dockerfile} is outside of the context")
        ignored = root / ".dockerignore"
        if build.builder == "buildkit" and (own := root / f"{name}.dockerignore").is_file():
            ignored = own
        try:
            patterns = _patterns(ignored.read_text("utf-8")) if ignored.is_file() else []
            paths = sorted(exclude_paths(str(root), [*patterns, "!.dockerignore"], dockerfile=name))
            size = sum((root / path).lstat().st_size for path in paths if not (root / path).is_dir())
        except OSError as error:
            raise _unreadable(error) from None
        if size > build.max_context:
            raise Trouble(
                f"build.context: {root} has {size} bytes, more than docker.maxContext ({build.max_context}); "
                "leave files out by a .dockerignore"
            )
        return cls(build, paths, name)

    def digest(self, platform: str) -> str:
        """What tells this image from any other: paths, modes, contents, and how it is built."""
        build = self.build
        told = hashlib.sha256()
        words = (build.builder, build.inline, self.dockerfile, build.target, platform)
        for word in (*words, *sorted(_flat(build.args))):
            told.update(word.encode("utf-8", "surrogateescape") + b"\0")
        try:
            for path in self.paths:
                told.update(_told(os.path.join(build.context, path), path))
        except OSError as error:
            raise _unreadable(error) from None
        return told.hexdigest()[:16]

    def pack(self, target: IO[bytes]) -> None:
        """Write the context as a tar archive. Raises Trouble when it cannot be read any more."""
        try:
            self._pack(target)
        except OSError as error:
            raise _unreadable(error) from None

    def _pack(self, target: IO[bytes]) -> None:
        with tarfile.open(mode="w", fileobj=target) as archive:
            # The command line of Docker looks at the first 512 bytes to tell an archive from a Dockerfile:
            # they must be a whole entry.
            folder = tarfile.TarInfo("./")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
            for path in self.paths:
                entry = archive.gettarinfo(os.path.join(self.build.context, path), arcname=path)
                if entry is None:
                    continue  # a socket
                # Owners of this machine mean nothing in an image, and would spoil the layer cache.
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                if entry.isreg():
                    with open(os.path.join(self.build.context, path), "rb") as file:
                        archive.addfile(entry, file)
                else:
                    archive.addfile(entry)
            if self.build.inline:
                text = self.build.inline.encode()
                entry = tarfile.TarInfo(_INLINE)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))


def _told(full: str, path: str) -> bytes:
    mode = os.lstat(full).st_mode
    told = f"{path}\0{mode:o}\0".encode("utf-8", "surrogateescape")
    if stat.S_ISLNK(mode):
        told += os.readlink(full).encode("utf-8", "surrogateescape")
    elif stat.S_ISREG(mode):
        with open(full, "rb") as file:
            told += hashlib.file_digest(file, "sha256").digest()
    return told


def _unreadable(error: OSError) -> Trouble:
    where = f"{error.filename}: " if error.filename else ""
    return Trouble(f"build.context: {where}{error.strerror or error}")


def _patterns(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _flat(args: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in args.items()]
