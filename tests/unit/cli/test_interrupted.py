"""Ctrl-C while the program is still being loaded."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("error", "told"), [("KeyboardInterrupt", False), ("ValueError", True)])
def test_ctrl_c_while_modules_load_shows_no_trace(error: str, told: bool) -> None:
    words = [sys.executable, "-c", f"import dagu_core.cli; raise {error}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ("Traceback" in done.stderr) is told
    assert done.returncode == (1 if told else -signal.SIGINT)


def test_ctrl_c_around_the_call_ends_with_its_code() -> None:
    code = "from dagu_core.cli import main as it\ndef main(): raise KeyboardInterrupt\n"
    words = [sys.executable, "-c", code + "it.main = main; it.program()"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")
