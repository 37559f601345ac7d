"""Runs one operation as a step does: in a process of its own, with a folder as its working folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagu_archive.config import ArchiveConfig

_RUN = "import sys; from dagu_core.contracts.work import run; run('dagu_archive.work:run', sys.argv[1])"


@dataclass(frozen=True)
class Done:
    """How an operation ended."""

    code: int
    out: Any
    err: str

    def ok(self) -> Any:
        """The summary of what must have succeeded."""
        assert self.code == 0, self.err
        return self.out


@dataclass(frozen=True)
class Lab:
    """A folder, and operations on archives in it."""

    folder: Path

    def start(self, operation: str, source: str, **config: Any) -> subprocess.Popen[bytes]:
        env = {**os.environ, **config.pop("env", {})}
        limit, humble = config.pop("file_size", 0), config.pop("humble", False)
        program = config.pop("program", _RUN)
        made = ArchiveConfig.model_validate({"source": source, **config}).model_dump(by_alias=True)
        request = self.folder.parent / f"request-{os.getpid()}.json"
        request.write_text(json.dumps({**made, "operation": operation, "token": "t"}))
        argv = ["prlimit", f"--fsize={limit}"] if limit else []
        if humble and os.geteuid() == 0:
            argv += ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        argv += [sys.executable, "-P", "-E", "-c", program, str(request)]
        return subprocess.Popen(
            argv, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, operation: str, source: str, **config: Any) -> Done:
        process = self.start(operation, source, **config)
        try:
            out, err = process.communicate(timeout=50)
        finally:
            process.kill()
        assert b"Traceback" not in err
        return Done(process.returncode, json.loads(out) if out else None, err.decode())

    def create(self, source: str, destination: str, **config: Any) -> Done:
        return self.run("create", source, destination=destination, **config)

    def extract(self, source: str, destination: str, **config: Any) -> Done:
        return self.run("extract", source, destination=destination, **config)

    def list(self, source: str, **config: Any) -> Done:
        return self.run("list", source, **config)

    def names(self, source: str, **config: Any) -> list[str]:
        return [file["path"] for file in self.list(source, **config).ok()["files"]]

    def refused(self, archive: str, code: int, message: str, **config: Any) -> str:
        """Extract and list an archive that must be refused: nothing anywhere changes."""
        before = snapshot(self.folder)
        done = self.extract(archive, "new/out", **config)
        assert done.code == code, (done.code, done.err)
        assert message in done.err
        assert snapshot(self.folder) == before
        (self.folder / "there").mkdir()
        (self.folder / "there/old").write_text("old")
        before = snapshot(self.folder)
        assert self.extract(archive, "there", overwrite=True, **config).code == code
        assert snapshot(self.folder) == before
        return done.err


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder, and beside it: names, kinds, modes, content."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.parent.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content: Any = os.readlink(path)
        else:
            content = path.read_bytes() if path.is_file() and status.st_size < 1 << 20 else status.st_size
        if path.name.startswith("request-"):
            continue
        found[str(path)] = (oct(status.st_mode), "" if path.is_dir() else content)
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    folder = tmp_path / "work"
    folder.mkdir()
    return Lab(folder)


@pytest.fixture
def sample(lab: Lab) -> Path:
    """`src`: folders, an empty one, modes, links, an empty file, a hidden one, old times."""
    src = lab.folder / "src"
    (src / "sub/deep").mkdir(parents=True)
    (src / "empty").mkdir()
    contents = {"a.txt": "hello\n", "sub/b.log": "log\n", "sub/deep/c.txt": "x" * 100_000, ".hidden": ""}
    for name, content in contents.items():
        (src / name).write_text(content)
    (src / "a.txt").chmod(0o755)
    (src / "sub/b.log").chmod(0o600)
    (src / "link").symlink_to("a.txt")
    (src / "dlink").symlink_to("sub")
    moment = 1_600_000_001
    for path in sorted(src.rglob("*"), reverse=True):
        os.utime(path, (moment, moment), follow_symlinks=False)
    os.utime(src, (moment, moment))
    return src
