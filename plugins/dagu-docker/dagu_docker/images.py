"""Has the image an attempt needs at hand: found, pulled or built."""

from __future__ import annotations

from typing import Any

from docker import auth, errors

from dagu_docker.daemon import Daemon, Trouble, explanation, is_status
from dagu_docker.order import Order
from dagu_docker.output import Output


def provide(daemon: Daemon, order: Order, output: Output) -> str:
    """The reference of the image to run."""
    if order.build is not None:
        from dagu_docker.build import build
        from dagu_docker.policy import judge_build

        judge_build(daemon, order)
        return build(daemon, order.build, order, output)
    image = order.image
    if order.pull == "always" or (order.pull == "missing" and not _is_there(daemon, order)):
        _pull(daemon, order, output)
    elif order.pull == "never" and not _is_there(daemon, order):
        raise Trouble(f"there is no image {image} here, and `pullPolicy: never` forbids to pull it")
    return image


def _is_there(daemon: Daemon, order: Order) -> bool:
    try:
        with_details: dict[str, Any] = daemon.api.inspect_image(order.image)
    except errors.APIError as error:
        if is_status(error, 404):
            return False
        raise
    wanted = order.platform.split("/")
    there = [with_details.get("Os"), with_details.get("Architecture"), with_details.get("Variant")]
    return not order.platform or wanted == there[: len(wanted)]


def _pull(daemon: Daemon, order: Order, output: Output) -> None:
    image = order.image
    repository, tag = _split(image)
    output.say(f"pulling {image}")
    login = login_for(image, order.auths)
    try:
        lines = daemon.patient.pull(
            repository,
            tag=tag,
            stream=True,
            decode=True,
            auth_config=login,
            platform=order.platform or None,
        )
        for line in lines:
            if wrong := line.get("error"):
                raise Trouble(f"cannot pull {image}: {_explained(str(wrong), login)}")
            if str(line.get("status", "")).startswith(("Status:", "Digest:")):
                output.say(line["status"])
    except errors.APIError as error:
        raise Trouble(f"cannot pull {image}: {_explained(explanation(error), login)}") from None


def login_for(image: str, auths: dict[str, dict[str, str]]) -> dict[str, str] | None:
    """The login for the registry of an image; None leaves it to Docker's own configuration."""
    host, _ = auth.resolve_repository_name(image)
    for registry, login in auths.items():
        if auth.resolve_index_name(auth.convert_to_hostname(registry)) == auth.resolve_index_name(host):
            return login
    return None


def _split(image: str) -> tuple[str, str]:
    if "@" in image:
        return image, ""
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")


def _explained(said: str, login: dict[str, str] | None) -> str:
    low = said.lower()
    if any(word in low for word in ("unauthorized", "denied", "no basic auth", "authentication required")):
        who = "the login in registryAuths was refused" if login else "it needs a login: see registryAuths"
        return f"{said} ({who})"
    return said
