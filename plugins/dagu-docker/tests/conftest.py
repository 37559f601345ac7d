"""A real Docker engine for the tests: started once a session, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require

from .dockerd import Engine
from .lab import Lab, within

DOCKERFILE = """\
FROM box:1 AS base
ARG WORD=default
COPY data.txt /data.txt
RUN echo "$WORD" > /word
FROM base AS extra
RUN echo extra > /extra
"""


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    require(shutil.which("dockerd"), "dockerd: apt install docker.io")
    require(shutil.which("busybox"), "busybox: apt install busybox-static")
    require(os.geteuid() == 0, "root, to start a Docker engine of its own")
    # Paths of sockets must be short.
    one = Engine(Path(tempfile.mkdtemp(prefix="dagu-dk-", dir="/tmp")))
    try:
        one.start()
        require(one.is_up(), f"a Docker engine that starts here; it said: {one.log.read_text()[-500:]}")
        one.box()
        yield one
    finally:
        one.stop()


@pytest.fixture
def engine(shared_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine, named by DOCKER_HOST; the test must leave no container behind."""
    monkeypatch.setenv("DOCKER_HOST", shared_engine.host)
    monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)
    before = set(shared_engine.names())
    yield shared_engine
    left = set(shared_engine.names()) - before
    for name in left:
        shared_engine.api.remove_container(name, force=True, v=True)
    assert left == set(), "containers left behind"


@pytest.fixture
def lab(engine: Engine, tmp_path: Path) -> Iterator[Lab]:
    """A home whose Docker engine is ours; no process of it may live on."""
    one = Lab(tmp_path, {})
    try:
        yield one
        within(5, lambda: not one.processes())
    finally:
        one.close()


@pytest.fixture
def context(lab: Lab, engine: Engine) -> Iterator[Path]:
    """A folder `img` to build an image from; every image that was built is gone afterwards."""
    folder = lab.root / "img"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "data.txt").write_text("one\n")
    (folder / ".dockerignore").write_text("*.log\nsecret/*\n!secret/kept\n")
    (folder / "secret").mkdir()
    (folder / "secret" / "kept").write_text("")
    yield folder
    for image in engine.api.images(filters={"label": "dagu.build"}):
        engine.api.remove_image(image["Id"], force=True)


@pytest.fixture
def wait() -> Callable[[float, Callable[[], Any]], Any]:
    return within
