"""The process that carries out an attempt: it outlives the engine, and can be killed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dagu_core.contracts.work import Stopped
from dagu_docker import container as containers
from dagu_docker.commands import KILL, Journal, run_commands, tell
from dagu_docker.daemon import FAILED, Daemon, Trouble, is_status, labelled
from dagu_docker.follow import run_fresh
from dagu_docker.order import ATTEMPT, RUN, Order
from dagu_docker.output import Output
from dagu_docker.stopping import be_deaf, end_us
from dagu_docker.verdict import Hold, Verdict


def run(data: dict[str, Any]) -> int:
    """Carry out the attempt; the exit code. What is left of an earlier process is taken over."""
    end_us()
    order = Order.of(data)
    folder = Path(order.folder)
    hold = Hold(folder)
    hold.take()
    if verdict := Verdict.read(folder):
        # Whoever held it until now came to an end after all.
        return _over(verdict, order, hold)
    taken_over = (folder / "progress").exists()
    output = Output(folder / "progress")
    try:
        daemon = Daemon()
    except Trouble as trouble:
        if not taken_over:
            hold.release()  # nothing was made
        return _over(_ended(trouble), order, hold)
    try:
        with daemon.reached():
            verdict = _carried_out(daemon, order, output)
    except Trouble as trouble:
        verdict = _ended(trouble)
    except Stopped:
        be_deaf()
        _tidied(order, hold)
        raise
    except Exception as error:
        # Without a verdict we would seem to have been killed, and it would all be done again.
        verdict = Verdict(FAILED, "error", f"{type(error).__name__}: {error}")
    return _over(verdict, order, hold)


def _ended(trouble: Trouble) -> Verdict:
    return Verdict(trouble.code, trouble.kind, str(trouble))


def _over(verdict: Verdict, order: Order, hold: Hold) -> int:
    verdict.write(Path(order.folder))
    be_deaf()
    if hold.path.exists():
        _tidied(order, hold)
    return verdict.exit_code if verdict.exit_code is not None else 1


def tidy(data: dict[str, Any]) -> int:
    """Remove what an attempt left behind whose process was killed."""
    order = Order.of(data)
    daemon = Daemon()
    with daemon.reached():
        for found in labelled(daemon, ATTEMPT, order.key):
            containers.discard(daemon, found["Id"], order)
        _, running = Journal(Path(order.folder)).read()
        if running and order.target in ("shared", "existing", "either"):
            _kill_command(daemon, order, running)
    Hold(Path(order.folder)).release()
    return 0


def close(data: dict[str, Any]) -> int:
    """Stop the container of a run that ends; remove it unless it is to be kept."""
    order = Order.of(data)
    daemon = Daemon()
    with daemon.reached():
        for found in labelled(daemon, RUN, order.run_key):
            if found["State"] == "running":
                daemon.patient.stop(found["Id"], timeout=int(order.grace))
            if not order.keep:
                containers.discard(daemon, found["Id"], order)
    return 0


def _carried_out(daemon: Daemon, order: Order, output: Output) -> Verdict:
    if order.target == "shared":
        return run_commands(daemon, containers.shared(daemon, order, output), order, output)
    if order.target == "existing":
        return run_commands(daemon, containers.existing(daemon, order.name), order, output)
    if order.target == "either" and (there := _running(daemon, order)):
        return run_commands(daemon, there, order, output)
    container = containers.own(daemon, order) or containers.create(daemon, order, output)
    if order.target == "kept" or (order.target == "either" and len(order.commands) > 1):
        if not containers.state_of(daemon, container)["Running"]:
            containers.start(daemon, container, order)
        containers.wait_until_ready(daemon, container, order, output)
        return run_commands(daemon, container, order, output)
    return run_fresh(daemon, container, order, output)


def _running(daemon: Daemon, order: Order) -> str:
    """The id of a running container of that name that is not the attempt's own."""
    found: dict[str, Any]
    for found in daemon.api.containers(filters={"name": f"^/{re.escape(order.name)}$"}):
        if found.get("Labels", {}).get(ATTEMPT) != order.key:
            return str(found["Id"])
    return ""


def _tidied(order: Order, hold: Hold) -> None:
    """Remove the container of the attempt; what cannot be done now the engine's side tries again."""
    try:
        daemon = Daemon()
        with daemon.reached():
            if found := containers.own(daemon, order):
                containers.discard(daemon, found, order)
    except Trouble:
        return
    hold.release()


def _kill_command(daemon: Daemon, order: Order, running: str) -> None:
    from docker import errors

    try:
        # Also when the command itself has ended: it may have left something in the background.
        tell(daemon, daemon.api.exec_inspect(running)["ContainerID"], order, KILL)
    except errors.APIError as error:
        if not is_status(error, 404, 409):
            raise
