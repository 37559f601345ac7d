"""Stopped, killed, or too long: what is there afterwards is whole or not there at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require

MIB = 1 << 20


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def wait_for(what: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def written(folder: Path) -> int:
    """Bytes in files that are not there yet for anybody else."""
    hidden = [path for path in folder.rglob("*") if "dagu-t" in str(path) and path.is_file()]
    return sum(path.stat().st_size for path in hidden)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_create_leaves_nothing(lab: Any, number: signal.Signals) -> None:
    sparse(lab.folder / "big", 2 << 30)
    process = lab.start("create", "big", destination="deep/er/x.tar")
    wait_for(lambda: written(lab.folder) > 20 * MIB, process)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate()
    assert time.monotonic() - began < 2
    assert process.returncode == 14 and b"cancelled" in err
    assert os.listdir(lab.folder) == ["big"]


def test_a_stopped_create_keeps_the_old_archive(lab: Any) -> None:
    sparse(lab.folder / "big", 2 << 30)
    (lab.folder / "x.tar").write_bytes(b"the old one")
    process = lab.start("create", "big", destination="x.tar")
    wait_for(lambda: written(lab.folder) > 20 * MIB, process)
    process.terminate()
    process.communicate()
    assert (lab.folder / "x.tar").read_bytes() == b"the old one"
    assert sorted(os.listdir(lab.folder)) == ["big", "x.tar"]


@pytest.mark.parametrize("there", [False, True])
def test_a_stopped_extract_leaves_nothing(lab: Any, there: bool) -> None:
    sparse(lab.folder / "big", 400 * MIB)
    lab.create("big", "x.tar.zst", compressionLevel=1).ok()
    if there:
        (lab.folder / "back").mkdir()
        (lab.folder / "back/big").write_text("mine")
    process = lab.start("extract", "x.tar.zst", destination="back", maxRatio=1e9, overwrite=True)
    wait_for(lambda: written(lab.folder) > 20 * MIB, process)
    process.terminate()
    _, err = process.communicate()
    assert process.returncode == 14, err
    if there:
        assert (lab.folder / "back/big").read_text() == "mine"
        assert os.listdir(lab.folder / "back") == ["big"]
    assert sorted(os.listdir(lab.folder)) == (["back"] if there else []) + ["big", "x.tar.zst"]


@pytest.mark.parametrize("after", [1, 2, 100, 399])
def test_a_stop_while_files_move_into_place_is_undone(lab: Any, after: int) -> None:
    (lab.folder / "src/sub").mkdir(parents=True)
    for number in range(200):
        (lab.folder / f"src/{number}").write_text("new")
        (lab.folder / f"src/sub/{number}").write_text("new")
    lab.create("src/.", "x.tar").ok()
    (lab.folder / "back").mkdir()
    for number in range(100):
        (lab.folder / f"back/{number}").write_text("old")
    code = f"""
import os, signal, sys
from dagu_core.contracts.work import run
rename, count = os.rename, 0
def stopping(source, target):
    global count
    count += 1
    rename(source, target)
    if count == {after}:
        os.kill(os.getpid(), signal.SIGTERM)
os.rename = stopping
run("dagu_archive.work:run", sys.argv[1])
"""
    process = lab.start("extract", "x.tar", destination="back", overwrite=True, program=code)
    _, err = process.communicate()
    assert process.returncode == 14, err
    found = {path.name: path.read_text() for path in (lab.folder / "back").iterdir()}
    assert found == {str(number): "old" for number in range(100)}
    assert sorted(os.listdir(lab.folder)) == ["back", "src", "x.tar"]


def test_a_stop_after_the_last_file_moved_comes_too_late(lab: Any) -> None:
    (lab.folder / "src/sub").mkdir(parents=True)
    (lab.folder / "src/sub").chmod(0o711)
    lab.create("src", "x.tar").ok()
    code = """
import os, signal, sys
from dagu_core.contracts.work import run
rename = os.rename
def stopping(source, target):
    rename(source, target)
    os.kill(os.getpid(), signal.SIGTERM)
os.rename = stopping
run("dagu_archive.work:run", sys.argv[1])
"""
    assert lab.extract("x.tar", "back", program=code).ok()["filesExtracted"] == 0
    assert (lab.folder / "back/src/sub").stat().st_mode & 0o777 == 0o711
    assert sorted(os.listdir(lab.folder)) == ["back", "src", "x.tar"]


def test_what_a_killed_attempt_left_is_removed_by_the_next(lab: Any) -> None:
    sparse(lab.folder / "big", 2 << 30)
    process = lab.start("create", "big", destination="x.tar")
    wait_for(lambda: written(lab.folder) > 20 * MIB, process)
    process.kill()
    process.communicate()
    assert written(lab.folder) and not (lab.folder / "x.tar").exists()
    sparse(lab.folder / "big", MIB)
    lab.create("big", "x.tar").ok()
    (lab.folder / ".back.dagu-t/new").mkdir(parents=True)
    lab.extract("x.tar", "back").ok()
    assert sorted(os.listdir(lab.folder)) == ["back", "big", "x.tar"]


def test_what_is_not_ours_is_not_removed(lab: Any) -> None:
    (lab.folder / "big").touch()
    (lab.folder / "precious").mkdir()
    (lab.folder / ".x.tar.dagu-t").symlink_to("precious")
    assert lab.create("big", "x.tar").code == 4
    assert (lab.folder / "precious").exists()


@pytest.mark.parametrize("format", ["tar.zst", "zip", "7z"])
def test_memory_is_flat(lab: Any, format: str) -> None:
    sparse(lab.folder / "big", 300 * MIB)
    if format == "7z":
        program = shutil.which("7zz") or shutil.which("7z")
        require(program, "7zz, apt install 7zip")
        argv = [str(program), "a", "-mx1", "x.7z", "big"]
        subprocess.run(argv, cwd=lab.folder, check=True, stdout=subprocess.DEVNULL)
    else:
        assert _peak(lab, "create", "big", destination=f"x.{format}", compressionLevel=1) < 100 * MIB
    assert _peak(lab, "extract", f"x.{format}", destination="back", maxRatio=1e9) < 150 * MIB
    assert (lab.folder / "back/big").stat().st_size == 300 * MIB
    (lab.folder / "back/big").unlink()


_MEASURED = """
import os, sys
from dagu_core.contracts.work import run
leave = os._exit
def measured(code):
    with open("/proc/self/status") as status, open("../peak", "w") as peak:
        peak.write(next(line.split()[1] for line in status if line.startswith("VmHWM")))
    leave(code)
os._exit = measured
run("dagu_archive.work:run", sys.argv[1])
"""


def _peak(lab: Any, operation: str, source: str, **config: Any) -> int:
    require(Path("/proc/self/status").exists(), "Linux: the memory of a process is read from /proc")
    lab.run(operation, source, program=_MEASURED, **config).ok()
    return int((lab.folder.parent / "peak").read_text()) << 10


def test_long_jobs_tell_how_far_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    from dagu_archive.progress import Progress

    progress = Progress("x", verbose=False, first=0, every=0)
    progress.file("a")
    progress.data(3 * MIB)
    progress.data(MIB)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["archive: x: 1 files, 3 MiB so far", "archive: x: 1 files, 4 MiB so far"]
    Progress("x", verbose=False).data(1)
    assert capsys.readouterr().err == ""
