"""Containers: made, started, waited for, removed."""

from __future__ import annotations

import re
import time
from typing import Any

from docker import errors

from dagu_docker.daemon import Daemon, Lost, Trouble, explanation, is_status, labelled, refused
from dagu_docker.images import provide
from dagu_docker.order import ATTEMPT, RUN, Order
from dagu_docker.output import Output
from dagu_docker.policy import judge

#: seconds a container has to become ready, or one that somebody else starts to be there
READY = 120.0
KILLED = 137
_POLL = 0.1


def create(daemon: Daemon, order: Order, output: Output) -> str:
    """A new container for the order, not started; its id."""
    image = provide(daemon, order, output)
    body = {**order.body, "Image": image}
    try:
        made = daemon.api.create_container_from_config(body, order.name, order.platform or None)
    except errors.APIError as error:
        if is_status(error, 409):
            raise NameInUse(
                f"the container name {order.name} is in use; remove that container or choose another name"
            ) from None
        if is_status(error, 404) and "image" in explanation(error).lower():
            raise Trouble(f"there is no image {image}: {explanation(error)}") from None
        raise refused(error, f"cannot create the container {order.name}") from None
    for warning in made.get("Warnings") or ():
        output.say(f"warning: {warning}")
    return str(made["Id"])


class NameInUse(Trouble):
    """Another container has the name."""


def start(daemon: Daemon, container: str, order: Order) -> None:
    """Start it. Raises Trouble when that is forbidden, and with 127 or 126 when its program cannot be run."""
    judge(daemon, container, order)
    try:
        daemon.api.start(container)
    except errors.APIError as error:
        raise refused(error, "cannot start the container") from None


def shared(daemon: Daemon, order: Order, output: Output) -> str:
    """The container of the run, running and ready; made by whichever step comes first."""
    container = _made_once(daemon, order, output)
    state = state_of(daemon, container)
    if state["Status"] == "exited" and order.startup != "keepalive":
        said = last_words(daemon, container)
        raise Trouble(f"the container of the DAG has ended with exit code {state['ExitCode']}: {said}")
    if not state["Running"]:
        start(daemon, container, order)
    wait_until_ready(daemon, container, order, output)
    return container


def _made_once(daemon: Daemon, order: Order, output: Output) -> str:
    while True:
        if found := labelled(daemon, RUN, order.run_key):
            # A container is listed a moment before it can be looked at.
            if _labels(daemon, found[0]["Id"]) is not None:
                return str(found[0]["Id"])
        else:
            try:
                return create(daemon, order, output)
            except NameInUse:
                # Another step was faster: the name is taken before the container is listed.
                labels = _labels(daemon, order.name)
                if labels is not None and labels.get(RUN) != order.run_key:
                    raise
        time.sleep(_POLL)


def _labels(daemon: Daemon, container: str) -> dict[str, str] | None:
    """The labels of a container, None while there is none."""
    try:
        return daemon.api.inspect_container(container)["Config"]["Labels"] or {}
    except errors.APIError as error:
        if is_status(error, 404):
            return None
        raise


def wait_until_ready(daemon: Daemon, container: str, order: Order, output: Output) -> None:
    """Wait for `waitFor` and `logPattern`. Raises Trouble when it ends first, or after READY seconds."""
    until = time.monotonic() + READY
    pattern = re.compile(order.log_pattern) if order.log_pattern else None
    warned = False
    while True:
        state = state_of(daemon, container)
        if not state["Running"] and state["Status"] not in ("created", "restarting"):
            said = last_words(daemon, container)
            raise Trouble(
                f"the container ended with exit code {state['ExitCode']} before it was ready: {said}"
            )
        ready = bool(state["Running"])
        if ready and order.wait_for == "healthy":
            health = (state.get("Health") or {}).get("Status", "none")
            ready = health in ("healthy", "none")
            if health == "none" and not warned:
                output.say("warning: the image has no health check: `waitFor: healthy` waits until it runs")
                warned = True
        if ready and (pattern is None or _log_matches(daemon, container, pattern)):
            return
        if time.monotonic() > until:
            what = f"its log does not match {order.log_pattern!r}" if ready else f"it is {state['Status']}"
            if ready is False and order.wait_for == "healthy":
                what = "it is not healthy"
            raise Trouble(f"the container was not ready within {READY:g} s: {what}")
        time.sleep(_POLL)


def existing(daemon: Daemon, name: str) -> str:
    """The id of somebody else's container, once it runs."""
    until = time.monotonic() + READY
    while True:
        try:
            found: dict[str, Any] = daemon.api.inspect_container(name)
        except errors.APIError as error:
            if is_status(error, 404):
                raise Trouble(f"there is no container {name} to work in; start it first") from None
            raise
        if found["State"]["Running"] and not found["State"].get("Paused"):
            return str(found["Id"])
        if time.monotonic() > until:
            raise Trouble(f"the container {name} is {found['State']['Status']}, not running, for {READY:g} s")
        time.sleep(_POLL)


def state_of(daemon: Daemon, container: str) -> dict[str, Any]:
    """`State` of the container. Raises Trouble when it was removed."""
    try:
        state: dict[str, Any] = daemon.api.inspect_container(container)["State"]
    except errors.APIError as error:
        if is_status(error, 404):
            raise Lost("the container was removed by somebody else") from None
        raise
    return state


def own(daemon: Daemon, order: Order) -> str:
    """The id of the container made for this attempt by whoever was at work before, "" if none."""
    found = labelled(daemon, ATTEMPT, order.key)
    return str(found[0]["Id"]) if found else ""


def discard(daemon: Daemon, container: str, order: Order) -> None:
    """End a container that is not needed any more; remove it unless it is to be kept."""
    try:
        if order.keep:
            daemon.api.kill(container)
        else:
            daemon.api.remove_container(container, force=True, v=True)
    except errors.APIError as error:
        # Gone, on its way out, or (kept) not running: that is what was wanted.
        if not is_status(error, 404, 409):
            raise


def last_words(daemon: Daemon, container: str) -> str:
    """The end of its log, in one line."""
    try:
        said: bytes = daemon.api.logs(container, tail=5)
    except errors.APIError:
        return "its log cannot be read"
    return " | ".join(said.decode("utf-8", "replace").split("\n")).strip(" |") or "it wrote nothing"


def _log_matches(daemon: Daemon, container: str, pattern: re.Pattern[str]) -> bool:
    said: bytes = daemon.api.logs(container, tail=10_000)
    return bool(pattern.search(said.decode("utf-8", "replace")))


def exit_message(step: str, state: dict[str, Any]) -> str:
    """What an exit code other than 0 means."""
    code = state["ExitCode"]
    why = " (out of memory)" if state.get("OOMKilled") else " (killed)" if code == KILLED else ""
    return f'failed to execute step "{step}": exit status {code}{why}'
