"""Which files are packed and unpacked, and under which names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .trees import EVERYTHING, below


@pytest.mark.parametrize(
    ("source", "top"),
    [
        ("src", "src"),
        ("src/", "src"),
        ("./src", "src"),
        ("src/.", ""),
        ("src/sub/..", "src"),
        ("ABSOLUTE", "src"),
    ],
)
def test_names_begin_with_the_last_folder_of_the_source(
    lab: Any, sample: Path, source: str, top: str
) -> None:
    lab.create(str(sample) if source == "ABSOLUTE" else source, "x.tar").ok()
    expected = {f"{top}{name}".strip("/") for name in EVERYTHING} - {""}
    assert set(lab.names("x.tar")) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        (["**/*.txt"], [], {"src/a.txt", "src/sub/deep/c.txt"}),
        (["*.txt"], [], {"src/a.txt"}),
        (["src/*.txt"], [], {"src/a.txt"}),
        (["src/sub"], [], {"src/sub", "src/sub/b.log", "src/sub/deep", "src/sub/deep/c.txt"}),
        (["sub/*"], [], {"src/sub/b.log", "src/sub/deep"}),
        (["**/{b.log,c.txt}"], ["**/deep"], {"src/sub/b.log"}),
        (["**/[ab].*"], [], {"src/a.txt", "src/sub/b.log"}),
        (["**/[!ab].txt"], [], {"src/sub/deep/c.txt"}),
        (["**/?.txt"], ["src/sub/**"], {"src/a.txt"}),
        ([], ["src/sub", "src/*link", "**/.*", "empty/"], {"src", "src/a.txt"}),
        (["src/a\\.txt", "nothing"], [], {"src/a.txt"}),
    ],
)
def test_include_and_exclude(
    lab: Any, sample: Path, include: list[str], exclude: list[str], taken: set[str]
) -> None:
    lab.create("src", "x.tar", include=include, exclude=exclude).ok()
    assert set(lab.names("x.tar")) == taken


def test_include_and_exclude_of_extract_and_list(lab: Any, sample: Path) -> None:
    lab.create("src", "x.zip").ok()
    assert lab.names("x.zip", include=["**/*.txt"], exclude=["src/sub"]) == ["src/a.txt"]
    summary = lab.extract("x.zip", "back", include=["**/*.log"]).ok()
    assert (summary["filesExtracted"], summary["filesSkipped"]) == (1, 9)
    assert below(lab.folder / "back") == {"src", "src/sub", "src/sub/b.log"}


@pytest.mark.parametrize(
    ("strip", "found"),
    [
        (0, {"src" + name for name in EVERYTHING}),
        (1, {name[1:] for name in EVERYTHING} - {""}),
        (2, {"b.log", "deep", "deep/c.txt"}),
        (3, {"c.txt"}),
    ],
)
@pytest.mark.parametrize("format", ["tar.gz", "zip"])
def test_strip_components(lab: Any, sample: Path, format: str, strip: int, found: set[str]) -> None:
    lab.create("src", f"x.{format}", exclude=["*link"] if strip > 1 else []).ok()
    lab.extract(f"x.{format}", "back", stripComponents=strip).ok()
    assert below(lab.folder / "back") == found


def test_paths_can_be_flattened(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar", exclude=["*link"]).ok()
    lab.extract("x.tar", "back", preservePaths=False).ok()
    assert below(lab.folder / "back") == {".hidden", "a.txt", "b.log", "c.txt"}


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_an_empty_selection_fails_unless_allowed(lab: Any, sample: Path, format: str) -> None:
    done = lab.create("src", f"x.{format}", include=["none"])
    assert done.code == 7 and "nothing was selected" in done.err
    assert os.listdir(lab.folder) == ["src"]
    lab.create("src", f"x.{format}", include=["none"], allowEmpty=True).ok()
    assert lab.extract(f"x.{format}", "back").code == 6
    assert not (lab.folder / "back").exists()
    lab.extract(f"x.{format}", "back", allowEmpty=True).ok()
    assert os.listdir(lab.folder / "back") == []
