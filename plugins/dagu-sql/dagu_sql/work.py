"""The work of a step, in its own process. Imports little, so that it can be stopped from the start."""

from __future__ import annotations

import signal
from typing import Any

from dagu_sql.watch import Watch


def run(request: dict[str, Any]) -> int:
    """Do what the step type asked for; the exit code."""
    watch = Watch({signal.SIGTERM, signal.SIGINT, request["signal"]} - {signal.SIGKILL, signal.SIGSTOP})

    def work() -> int:
        from dagu_sql.session import Session

        return Session(request, watch).run()

    return watch.run(work, request["grace"])
