"""Commands in a container that runs: one after another, each to its end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from docker import errors

from dagu_docker.daemon import Daemon, Lost, Trouble, is_status, refused
from dagu_docker.follow import copy, patiently
from dagu_docker.order import Order
from dagu_docker.output import Output
from dagu_docker.stopping import PassOn
from dagu_docker.verdict import Verdict

#: marks the processes of a command: the engine has no way to end one, a shell beside it has
MARK = "DAGU_EXEC"
KILL = 9
_POLL = 0.2
#: the code the engine makes up for a command that goes on writing when nobody listens any more
_NOBODY_LISTENS = 126
#: asks whether there is somebody, and does nothing
_ANYBODY = 0
#: signals every process that was given the mark, wherever it went, by nothing but a shell and `cat`;
#: what is killed may have started another one before its turn came, so that is done until none is left
_TELL = """n=1
while m=1; do
  for f in /proc/[0-9]*/environ; do
    case "$(cat "$f" 2>/dev/null)" in
      *"$1"*) p=${f#/proc/}; kill -"$2" "${p%/environ}" 2>/dev/null && n=0 && m=0 ;;
    esac
  done
  case "$2$m" in 90) ;; *) exit $n ;; esac
done"""


def run_commands(daemon: Daemon, container: str, order: Order, output: Output) -> Verdict:
    """Run the commands that were not run yet; the first that fails is the last."""
    journal = Journal(Path(order.folder))
    with PassOn(lambda number: tell(daemon, container, order, number)) as stop:
        begun, running = journal.read()
        for index in range(begun, len(order.commands)):
            stop.restart()
            verdict = _run(daemon, container, order, index, running, journal, output)
            running = ""
            if stop.number:
                _wait_for_the_rest(daemon, container, order)
                return Verdict(verdict.exit_code or 128 + stop.number, message=verdict.message or "stopped")
            if verdict.exit_code or verdict.ended != "exited":
                return verdict
    return Verdict()


class Journal:
    """Which command is at work, for whoever has to find it again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "command.json"

    def read(self) -> tuple[int, str]:
        """(index of the command at work, its id at the engine)."""
        try:
            index, running = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return 0, ""
        return int(index), str(running)

    def write(self, index: int, running: str) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps([index, running]), "utf-8")
        fresh.replace(self._path)


def tell(daemon: Daemon, container: str, order: Order, number: int) -> bool:
    """Send a signal to the processes of the attempt's command; False when there are none (yet).

    Raises Trouble when the container has no shell that could do it.
    """
    options = {key: value for key, value in order.exec.items() if key in ("user", "privileged")}
    command = ["sh", "-c", _TELL, "sh", f"{MARK}={order.key}", str(number)]
    made = daemon.api.exec_create(container, command, **options)
    daemon.api.exec_start(made["Id"])
    code = daemon.api.exec_inspect(made["Id"])["ExitCode"]
    if code in (126, 127):
        raise Trouble("the container has no shell to end its command with; the command may go on")
    return bool(code == 0)


def _wait_for_the_rest(daemon: Daemon, container: str, order: Order) -> None:
    """Wait for what a command that was stopped has left in the background; whoever waits for us ends
    it after the grace."""
    try:
        while tell(daemon, container, order, _ANYBODY):
            time.sleep(_POLL)
    except (errors.APIError, Trouble):
        return  # the container is gone, or has no shell


def _run(
    daemon: Daemon,
    container: str,
    order: Order,
    index: int,
    running: str,
    journal: Journal,
    output: Output,
) -> Verdict:
    command = order.commands[index]
    taken_over = bool(running)
    if not running:
        running = _create(daemon, container, order, command)
        journal.write(index, running)
    state = _state(daemon, running, order, output)
    if state["ExitCode"] is None and not state["Running"]:
        taken_over = False
        with daemon.reached():
            try:
                connection = daemon.patient.exec_start(running, socket=True)
            except errors.APIError as error:
                raise refused(error, "cannot run the command") from None
        copy(connection, output)
    pause = 0.005
    while (state := _state(daemon, running, order, output))["Running"]:
        time.sleep(pause)
        pause = min(2 * pause, _POLL)
    code = state["ExitCode"]
    if code is None:
        raise Lost("the container ended under the command")
    if taken_over and code == _NOBODY_LISTENS:
        tell(daemon, container, order, KILL)
        raise Lost("nobody was there to hear how the command ended")
    message = ""
    if code:
        which = f"command {index + 1} failed: " if len(order.commands) > 1 else ""
        message = f'failed to execute step "{order.step}": {which}exit status {code}'
    unheard = ["what the command wrote while nobody listened is not in the log"] if taken_over else []
    return Verdict(code, message=message, warnings=unheard)


def _create(daemon: Daemon, container: str, order: Order, command: list[str]) -> str:
    environment = {**order.exec.get("environment", {}), MARK: order.key}
    options: dict[str, Any] = {**order.exec, "environment": environment}
    try:
        made = daemon.api.exec_create(
            container, command, **{key: value for key, value in options.items() if value}
        )
    except errors.APIError as error:
        if is_status(error, 404, 409):
            raise Trouble(f"the container {order.name} does not run any more") from None
        raise refused(error, "cannot run the command") from None
    return str(made["Id"])


def _state(daemon: Daemon, running: str, order: Order, output: Output) -> dict[str, Any]:
    try:
        state: dict[str, Any]
        state, _ = patiently(daemon, lambda: daemon.api.exec_inspect(running), order, output)
    except Lost as lost:
        raise Lost(f"{lost}; the command may go on") from None
    except Trouble:
        raise Lost("the container of the command is gone") from None
    return state
