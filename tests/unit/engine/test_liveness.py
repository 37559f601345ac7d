"""Locks of engines: who lives, who is dead, and what may be swept away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.engine.liveness import EngineLock, died_at, forget_dead, living_pid


def test_a_lock_tells_the_pid_of_the_living_and_nothing_of_the_dead(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path, "one")
    assert living_pid(tmp_path, "one") is None
    lock.hold()
    assert living_pid(tmp_path, "one") == os.getpid()
    lock.release()
    assert living_pid(tmp_path, "one") is None and died_at(tmp_path, "one") is None


def test_only_locks_of_the_dead_are_swept_and_those_kept_that_still_tell_something(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path, "alive")
    lock.hold()
    for engine in ("dead", "kept"):
        (tmp_path / "engines" / f"{engine}.lock").write_text("1\n")
    forget_dead(tmp_path, {"kept"})
    assert {path.stem for path in (tmp_path / "engines").iterdir()} == {"alive", "kept"}
    assert living_pid(tmp_path, "alive") == os.getpid() and died_at(tmp_path, "kept")
    lock.release()


def test_a_lock_that_was_swept_before_it_was_held_is_made_again(tmp_path: Path) -> None:
    """Between making the file and locking it somebody else may take it for a dead one."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            forget_dead(tmp_path)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(300):
            lock = EngineLock(tmp_path, f"e{number}")
            lock.hold()
            assert living_pid(tmp_path, f"e{number}") == os.getpid()
            lock.release()
    finally:
        stop.set()
        sweeper.join()


def test_a_poke_that_comes_after_the_end_harms_nobody(tmp_path: Path) -> None:
    import asyncio

    async def main() -> None:
        settings = Settings.load(environ=dict(os.environ) | {"DAGU_HOME": str(tmp_path)})
        async with App.open(settings, discover=False) as app:
            async with app.runner(lambda run, event: None):
                outer = signal.getsignal(signal.SIGUSR1)
                async with app.runner(lambda run, event: None):
                    os.kill(os.getpid(), signal.SIGUSR1)
                assert signal.getsignal(signal.SIGUSR1) is outer
            os.kill(os.getpid(), signal.SIGUSR1)
            # Heard by nobody, and yet not ignored: a process that is started now must not inherit that.
            assert callable(signal.getsignal(signal.SIGUSR1))
            shown = "grep ^SigIgn /proc/self/status" if sys.platform == "linux" else "echo 0"
            ignored = subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True).stdout
            assert not int(ignored.split()[-1], 16) & 1 << signal.SIGUSR1 - 1

    # Runners of other tests may have left theirs, in whatever order they ended.
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGUSR1, before)
