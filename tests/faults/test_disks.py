"""Rows S01-S03: full and read-only disks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_core.testing.requirements import require
from tests.faults.step_home import StepHome

SECRET = "secrets: [{name: TOK, provider: env, key: MY_TOKEN}]\n"
STOPPED = b"\n[log stopped: no space left]\n"


def mounted(root: Path, megabytes: int) -> Iterator[Path]:
    """A small disk of its own at `root/home`."""
    require(os.geteuid() == 0 and shutil.which("mount"), "root, to mount a small disk")
    target = root / "home"
    target.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(target)])
    require(made.returncode == 0, "the right to mount a tmpfs")
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path, 72)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path, 3)


def test_S02_a_full_disk_refuses_a_run_before_anything_is_recorded(tiny_disk: Path, here: StepHome) -> None:
    text = "steps:\n  - command: 'true'"
    done = here.run(text)
    assert (done.code, "no space left" in done.err) == (5, True), done.err
    assert "need 64 MiB" in done.err
    queued = here.call("enqueue", "--run-id", "r1", str(here.write(text)))
    assert queued.code == 5
    subprocess.run(["mount", "-o", "remount,size=80m", str(tiny_disk)], check=True)
    assert here.call("history").out.strip() == "No runs found"
    assert here.run(text).code == 0


def test_S03_a_read_only_home_is_told_at_once_and_can_be_read(small_disk: Path, here: StepHome) -> None:
    text = "steps:\n  - command: 'true'"
    assert here.run(text).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = here.call("start", "--run-id", "r2", str(here.write(text)))
    assert (done.code, done.seconds < 4) == (5, True), done
    assert str(small_disk) in done.err
    queued = here.call("enqueue", str(here.write(text)))
    assert (queued.code, str(small_disk) in queued.err) == (5, True), queued.err
    assert here.details()["statusLabel"] == "succeeded"
    listed = here.call("history")
    assert (listed.code, "r1" in listed.out) == (0, True), listed.err


@pytest.mark.parametrize("kind", ["plain", "secret", "merged", "to a file of its own"])
def test_S01_a_step_that_fills_the_disk_goes_on_and_its_run_ends_with_the_true_result(
    small_disk: Path, here: StepHome, kind: str
) -> None:
    here.environ["MY_TOKEN"] = "something"
    head, tail = {
        "plain": ("", ""),
        "secret": (SECRET, ""),
        "merged": ("", "    logOutput: merged\n"),
        "to a file of its own": ("", f"    stdout: {small_disk}/own\n"),
    }[kind]
    done = here.run(
        f"{head}steps:\n  - name: fill\n    command: |\n"
        f"      yes 0123456789 | head -c 200000000 || exit 9\n"
        f"      echo more; echo and more >&2; exit 7\n{tail}"
        f"handlerOn:\n  failure:\n    command: touch {here.root}/handled\n"
    )
    assert done.code == 1
    found = here.details()
    assert (found["statusLabel"], found["nodes"][0]["exitCode"]) == ("failed", 7)
    assert (here.root / "handled").exists() and found["onFailure"]["statusLabel"] == "succeeded"
    log = here.log_of("fill")
    assert log.endswith(STOPPED) and log.startswith(b"0123456789\n")
    assert log.count(STOPPED) == 1


def test_S01_a_log_that_others_left_no_space_for_says_so(small_disk: Path, here: StepHome) -> None:
    # So small a limit of the logs that there seems to be room: the step writes to its log itself.
    here.environ["DAGU_LOG_LIMIT"] = "20000000"
    text = f"""
        steps:
          - name: a
            command: |
              yes 0123456789 | head -c 10000
              head -c 200000000 /dev/zero > {small_disk}/filler || true
              yes 0123456789 | head -c 100000 || true
              touch {here.root}/done
          - name: b
            command: rm {small_disk}/filler; echo next
    """
    assert here.run(text).code == 0
    assert (here.root / "done").exists()
    log = here.log_of("a")
    assert log.startswith(b"0123456789\n") and log.endswith(STOPPED)
    assert here.log_of("b") == b"next\n"


def test_S01_with_room_enough_a_step_writes_to_its_log_itself(here: StepHome) -> None:
    disk = os.statvfs(here.root)
    if disk.f_bavail * disk.f_frsize < 1 << 30:
        pytest.skip("needs 1 GiB of free space: the limit of a log")
    command = "ls -l /proc/$$/fd >&2"
    assert here.run(f'steps:\n  - {{name: a, command: "{command}"}}').code == 0
    assert here.step("a")["stdout"].encode() in here.log_of("a", "stderr")
