"""Archives with random damage are read or refused; nothing else ever happens."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from dagu_archive.entry import Entry, Nowhere, Sink
from dagu_archive.formats import named, of_archive
from dagu_archive.limits import Limits
from dagu_archive.reading import Archive
from dagu_core.contracts.work import Failed

ROUNDS = 120


def _make(lab: Any, sample: Path, format: str) -> bytes:
    (sample / "sub/deep/c.txt").write_text("some text " * 50)
    if format == "7z":
        import py7zr

        with py7zr.SevenZipFile(lab.folder / "x.7z", "w") as archive:
            archive.writeall(sample, "src")
    else:
        lab.create("src", f"x.{format}").ok()
    return bytes((lab.folder / f"x.{format}").read_bytes())


def _visit(entry: Entry) -> Sink | None:
    return Nowhere() if entry.kind == "file" else None


@pytest.mark.parametrize("format", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip", "7z"])
def test_damage_is_refused_without_a_trace(lab: Any, sample: Path, format: str) -> None:
    whole, chance = _make(lab, sample, format), random.Random(format)
    path, known = str(lab.folder / "damaged"), named(format, "")
    assert known is not None
    read = refused = 0
    for _ in range(ROUNDS):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 2, 10))):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 20)]
                case _:
                    data[at:at] = bytes(chance.choices(range(256), k=chance.randrange(1, 20)))
        Path(path).write_bytes(data)
        with contextlib.suppress(Failed):
            of_archive(path, "")
        try:
            Archive(path, known, None, Limits(1 << 30, 1000, 1000, len(data))).walk(_visit, content=True)
            read += 1
        except Failed as error:
            refused += error.code in (5, 9, 12, 13)
    assert refused > ROUNDS / 4 and read + refused == ROUNDS
