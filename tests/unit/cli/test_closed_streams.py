"""Standard streams that were closed, and a disk that is full: what the exit code then says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/ok.yaml").write_text("steps: [{name: a, command: echo out; echo err >&2}]\n")
    (tmp_path / "dags/bad.yaml").write_text("steps: [{name: a, command: exit 3}]\n")
    return tmp_path


def dagu(home: Path, words: str) -> subprocess.CompletedProcess[str]:
    """One call as a shell makes it, with its redirections."""
    command = f'"{sys.executable}" -m dagu_core {words}'
    environ = {**os.environ, "DAGU_HOME": str(home)}
    return subprocess.run(
        ["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_how_a_run_ends(home: Path, closed: str) -> None:
    for quiet in ("", "-q"):
        assert dagu(home, f"start {quiet} ok {closed}").returncode == 0
    assert dagu(home, f"start bad {closed}").returncode == 1
    assert dagu(home, f"history {closed}").returncode == 0
    assert dagu(home, f"nosuch {closed}").returncode == 2
    logged = [file.read_text() for file in home.rglob("a.*.out")]
    assert [text for text in logged if text] == ["out\n"] * 2, "what a step prints is in its log as always"


@needs_full
@pytest.mark.parametrize(("dag", "code"), [("ok", 0), ("bad", 1)])
def test_a_run_ends_as_it_does_when_its_tree_cannot_be_written(home: Path, dag: str, code: int) -> None:
    done = dagu(home, f"start {dag} >/dev/full")
    assert done.returncode == code
    assert "Error: stdout cannot be written: No space left on device\n" in done.stderr
    assert dagu(home, f"start {dag} 2>/dev/full").returncode == code


@needs_full
def test_a_list_that_cannot_be_written_is_an_error(home: Path) -> None:
    done = dagu(home, "schema >/dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: stdout cannot be written: No space left on device\n")
