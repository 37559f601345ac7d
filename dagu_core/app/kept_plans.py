"""Definitions that were read before: what came of the same text, read by the same code.

Reading a thousand steps takes longer than the rest of a start. What holds nothing of a plugin is a
function of the text, so it is kept, as Python keeps the bytecode of a module: one file for each
definition, below the user's cache folder. A file that is damaged, or made of anything else, is as good as
none.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.places import Problem
from dagu_core.contracts.catalog import Catalog
from dagu_core.engine.logs import make_folder
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.plan import Plan, Source

#: files in the folder, beyond which it is emptied; bytes of one file
_MOST, _LARGEST = 1000, 4 << 20
_DIGEST = 32
#: msgspec looks at a type when it is first decoded; two threads that do so at once end the process
_DECODING = Lock()
#: what has a say in how a text is read, below the package
_READERS = ("base", "builtins", "contracts", "model", "model/plan", "model/spec", "model/values")


class _Kept(Struct):
    """A definition without its texts, which whoever asks has: `local` are the documents of its plans."""

    plans: tuple[Plan, ...]
    local: tuple[dict[str, int], ...]
    warnings: tuple[Problem, ...]


class KeptPlans:
    """The definitions kept in `folder`, for one base config and these built-in parts."""

    def __init__(self, folder: Path, base_path: Path) -> None:
        self._folder, self._base_path = folder, str(base_path)
        self._code = ""

    def find(self, source: Source, builtins: Catalog) -> Definition | None:
        """What was made of the text when it was last read."""
        try:
            data = self._file(source).read_bytes()
        except OSError:
            return None
        key, proof, payload = data[:_DIGEST], data[_DIGEST : 2 * _DIGEST], data[2 * _DIGEST :]
        if key != self._key(source, builtins) or proof != sha256(payload).digest():
            return None
        try:
            return _restored(_decoded(payload), source)
        except msgspec.MsgspecError:
            return None

    def keep(self, definition: Definition, source: Source, builtins: Catalog) -> None:
        """Keep what was made of the text, unless a plugin had a say, or it would not come back as it is."""
        if not all(_is_ours(plan, builtins) for plan in definition.plans):
            return
        try:
            kept = _Kept(tuple(_bare(definition.plans)), tuple(_local(definition.plans)), definition.warnings)
            payload = msgspec.msgpack.encode(kept)
            back = _restored(_decoded(payload), source)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
            return
        if len(payload) > _LARGEST or back != replace(definition, places=()):
            return
        file = self._file(source)
        fresh = file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            make_folder(self._folder)
            if len(others := os.listdir(self._folder)) >= _MOST:
                for name in others:
                    (self._folder / name).unlink()
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as opened:
                opened.write(self._key(source, builtins) + sha256(payload).digest() + payload)
            fresh.replace(file)
        with contextlib.suppress(OSError):
            fresh.unlink()  # a full disk

    def _file(self, source: Source) -> Path:
        place = f"{source.path}\0{self._base_of(source)}".encode("utf-8", "surrogatepass")
        return self._folder / f"{sha256(place).hexdigest()[:24]}.plan"

    def _base_of(self, source: Source) -> str:
        """Where the base lies, which its warnings tell; of no account where there is none."""
        return self._base_path if source.base else ""

    def _key(self, source: Source, builtins: Catalog) -> bytes:
        self._code = self._code or _code()
        words = [*builtins.executors, "", *builtins.providers, "", *builtins.triggers]
        told = (self._code, words, source.path, self._base_of(source), source.base, source.text)
        return sha256(repr(told).encode("utf-8", "surrogatepass")).digest()


def _is_ours(plan: Plan, builtins: Catalog) -> bool:
    """Whether nothing in it is of a plugin, nor its parameters of a schema (whose file may change)."""
    return (
        all(node.executor in builtins.executors and not node.extras for node in plan.nodes)
        and all(ref.provider in builtins.providers for ref in plan.secrets)
        and all(entry.kind in builtins.triggers for entry in plan.schedule.entries)
        and not (plan.fields or plan.schedule.triggers or plan.params.schema is not None)
    )


def _bare(plans: tuple[Plan, ...]) -> Iterator[Plan]:
    for plan in plans:
        yield replace(plan, source=replace(plan.source, text="", base=""), local={})


def _local(plans: tuple[Plan, ...]) -> Iterator[dict[str, int]]:
    for plan in plans:
        yield {name: source.document for name, source in plan.local.items()}


def _decoded(payload: bytes) -> _Kept:
    with _DECODING:
        return msgspec.msgpack.decode(payload, type=_Kept)


def _restored(kept: _Kept, source: Source) -> Definition:
    plans = [
        replace(
            plan,
            source=replace(plan.source, text=source.text, base=source.base),
            local={name: replace(source, document=number) for name, number in local.items()},
        )
        for plan, local in zip(kept.plans, kept.local, strict=True)
    ]
    return Definition(tuple(plans), kept.warnings)


def _code() -> str:
    """What tells this code from any other that reads definitions: a changed file is other code."""
    judge = find_spec("pydantic")  # its import would take longer than all the rest
    seen = os.stat(judge.origin) if judge and judge.origin else None
    root = os.path.dirname(os.path.dirname(__file__))
    files = [
        (each.name, (found := each.stat()).st_mtime_ns, found.st_size)
        for folder in _READERS
        for each in os.scandir(f"{root}/{folder}")
        if each.name.endswith(".py")
    ]
    return repr((sys.version, seen and (seen.st_mtime_ns, seen.st_size), msgspec.__version__, sorted(files)))
