"""What the process of an `ftp`, `ftps` or `sftp` step does."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

from dagu_core.contracts.work import Failed, Stopped
from dagu_ftp.job import Job
from dagu_ftp.options import from_data
from dagu_ftp.problems import Problem

_DAY = 86_400.0


class _Work:
    """A job in a thread of its own, so that a stop never strikes in the middle of a library."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._over = threading.Event()

    def _run(self) -> None:
        try:
            self.job.run()
        except BaseException as error:
            self.error = error
        self._over.set()

    def wait(self) -> None:
        """Until it is over, with a line on stderr now and then."""
        self._thread.start()
        interval = self.job.options.progress_sec or _DAY
        while not self._over.wait(interval):
            if line := self.job.progress.line():
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()

    def stop(self) -> None:
        """First in order: halves are removed and connections closed. Then by force."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        self.job.progress.stopping.set()
        patience = max(0.2, min(self.job.options.grace * 0.4, 5.0))
        if not self._over.wait(patience):
            self.job.cut()
            self._over.wait(patience)


def run(data: dict[str, object]) -> int:
    """Do the job of the request, print its report, return the exit code."""
    work = _Work(Job(from_data(data)))
    progress = work.job.progress
    try:
        work.wait()
    except Stopped:
        work.stop()
        done = len(progress.transferred)
        sys.stderr.write(f"stopped: {done} of {progress.files} files were transferred\n")
        raise
    if len(work.job.report) > 1:
        sys.stdout.write(_text(work.job.report, progress.secrets) + "\n")
    if isinstance(work.error, Problem):
        raise Failed(progress.shown(str(work.error)), work.error.code)
    if work.error is not None:
        raise work.error
    return 0


def _text(report: dict[str, Any], secrets: Any) -> str:
    # Names that are no text come back as they are, because stdout takes any bytes.
    return json.dumps(report, ensure_ascii=True)
