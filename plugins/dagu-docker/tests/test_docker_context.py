"""The build context: what belongs to it and what it adds up to, without any Docker engine."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dagu_docker.context import Context
from dagu_docker.daemon import Trouble
from dagu_docker.order import Build


def _build(folder: Path, **changes: Any) -> Build:
    given = {
        "context": str(folder),
        "dockerfile": "Dockerfile",
        "inline": "",
        "args": {},
        "target": "",
        "tags": [],
        "policy": "changed",
        "no_cache": False,
        "cache_from": [],
        "inline_cache": False,
        "pull": False,
        "network": "",
        "timeout": 0.0,
        "builder": "classic",
        "secrets": {},
        "repository": "r",
        "max_context": 1 << 20,
        "labels": {},
    }
    return Build(**{**given, **changes})


def test_what_tells_one_image_from_another(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    first = Context.of(_build(tmp_path)).digest("")
    os.utime(tmp_path / "file", (1, 1))
    assert Context.of(_build(tmp_path)).digest("") == first
    others = {
        Context.of(_build(tmp_path, args={"A": "1"})).digest(""),
        Context.of(_build(tmp_path, target="t")).digest(""),
        Context.of(_build(tmp_path, inline="FROM y")).digest(""),
        Context.of(_build(tmp_path)).digest("linux/arm64"),
        Context.of(_build(tmp_path, builder="buildkit")).digest(""),
    }
    # Neither who may see what while it is built, nor how fast it goes, makes another image.
    for same in ({"secrets": {"A": "x"}}, {"cache_from": ["x"]}, {"no_cache": True}, {"network": "none"}):
        assert Context.of(_build(tmp_path, **same)).digest("") == first
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("other")
    others.add(Context.of(_build(tmp_path)).digest(""))
    assert len(others) == 6 and first not in others
    Context.of(_build(tmp_path)).pack(io.BytesIO())


def test_a_dockerfile_outside_of_the_context_is_refused(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    with pytest.raises(Trouble, match="outside of the context"):
        Context.of(_build(tmp_path / "img", dockerfile="../Dockerfile"))


def test_files_that_vanish_or_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / "file").write_text("1")
    context = Context.of(_build(tmp_path))
    (tmp_path / "file").unlink()
    for work in (lambda: context.digest(""), lambda: context.pack(io.BytesIO())):
        with pytest.raises(Trouble, match=r"build\.context: .*/file: No such file"):
            work()


def test_the_first_entry_of_the_archive_is_whole_in_its_first_bytes(tmp_path: Path) -> None:
    """Else the command line of Docker takes the archive for a Dockerfile."""
    (tmp_path / ("a" * 150)).write_text("x")
    packed = io.BytesIO()
    Context.of(_build(tmp_path, inline="FROM x")).pack(packed)
    with tarfile.open(fileobj=io.BytesIO(packed.getvalue()[:1024])) as archive:
        assert archive.next() is not None
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        assert archive.getnames() == [".", "a" * 150, ".dagu.Dockerfile"]


@pytest.mark.parametrize(("builder", "left"), [("classic", ["a.txt"]), ("buildkit", ["b.txt"])])
def test_a_dockerfile_may_have_an_ignore_file_of_its_own(
    tmp_path: Path, builder: str, left: list[str]
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / ".dockerignore").write_text("b.txt\n")
    (tmp_path / "Dockerfile.dockerignore").write_text("a.txt\n")
    paths = Context.of(_build(tmp_path, builder=builder)).paths
    assert [path for path in paths if path.endswith(".txt")] == left
