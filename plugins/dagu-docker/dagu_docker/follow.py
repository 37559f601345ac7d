"""Follows a container to its end: its output, the way it ends, and an engine that goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from docker import errors

from dagu_docker.container import exit_message, start, state_of
from dagu_docker.daemon import Daemon, Lost, Unreachable
from dagu_docker.order import Order
from dagu_docker.output import STDERR, STDOUT, Cut, Output, frames, reader
from dagu_docker.stopping import PassOn
from dagu_docker.verdict import Verdict

T = TypeVar("T")
_POLL = 0.25


def run_fresh(daemon: Daemon, container: str, order: Order, output: Output) -> Verdict:
    """Start the container (unless that was done before) and stay with it until it has ended."""

    def tell(number: int) -> bool:
        try:
            daemon.api.kill(container, signal=number)
        except errors.APIError as error:
            return error.status_code != 409  # not running yet: ask again
        return True

    with PassOn(tell) as stop:
        if state_of(daemon, container)["Status"] != "created":
            return _to_its_end(daemon, container, order, output)
        # Attached before it starts, so that not a byte is missed.
        with daemon.reached():
            connection = daemon.patient.attach_socket(container, {"stdout": 1, "stderr": 1, "stream": 1})
        if stop.number:
            return Verdict(128 + stop.number, message="stopped before it was started")
        with daemon.reached():
            start(daemon, container, order)
        stop.restart()
        whole = copy(connection, output)
        return _to_its_end(daemon, container, order, output, seen=whole)


def copy(connection: Any, output: Output) -> bool:
    """Pass on what comes in until the other side closes; whether it came to a proper end."""
    try:
        for stream, data in frames(reader(connection)):
            output.write(stream, data)
    except (Cut, ConnectionError):
        return False
    finally:
        connection.close()
    return True


def _to_its_end(
    daemon: Daemon, container: str, order: Order, output: Output, *, seen: bool = False
) -> Verdict:
    """`seen` = its output was read until it closed it, which it does when it ends."""
    while True:
        try:
            state, was_away = patiently(daemon, lambda: state_of(daemon, container), order, output)
        except Lost as lost:
            raise Lost(f"{lost}; the container {order.name} may go on") from None
        seen = seen and not was_away
        if not state["Running"] and not state.get("Restarting"):
            if not seen:
                _replay(daemon, container, output)
            code = int(state["ExitCode"])
            return Verdict(code, message=exit_message(order.step, state) if code else "")
        # It closed its output and goes on, or the connection was cut: its log knows the rest.
        _replay(daemon, container, output)
        seen = False
        time.sleep(_POLL)


def _replay(daemon: Daemon, container: str, output: Output) -> None:
    """Write what the container's log has beyond what was written, to the end of the container."""

    def one(stream: int) -> None:
        try:
            chunks = daemon.patient.logs(
                container, stdout=stream == STDOUT, stderr=stream == STDERR, stream=True, follow=True
            )
            output.rest(stream, chunks)
        except Exception as error:  # the engine went away: whoever asks for the state next sees it
            wrong.append(error)

    wrong: list[Exception] = []
    both = [threading.Thread(target=one, args=(stream,), daemon=True) for stream in (STDOUT, STDERR)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    for error in wrong:
        if isinstance(error, errors.APIError) and (error.status_code or 0) >= 500:
            output.say(f"warning: the engine keeps no log that could be read again: {error.explanation}")
            return


def patiently(daemon: Daemon, ask: Callable[[], T], order: Order, output: Output) -> tuple[T, bool]:
    """(the answer, whether the engine was away meanwhile). Raises Lost when it stays away."""
    until = 0.0
    while True:
        try:
            with daemon.reached():
                answer = ask()
            return answer, until > 0
        except Unreachable as away:
            now = time.monotonic()
            if not until:
                output.say(f"the Docker engine is gone; waiting up to {order.reconnect:g} s for it")
                until = now + order.reconnect
            if now > until:
                raise Lost(str(away)) from None
            time.sleep(_POLL)
