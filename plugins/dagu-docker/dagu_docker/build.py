"""Builds an image when it is needed, and only once however many attempts need it."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any

from docker import auth, errors
from docker.credentials.errors import StoreError

from dagu_docker import buildkit
from dagu_docker.context import Context
from dagu_docker.daemon import Daemon, Trouble, explanation, is_status
from dagu_docker.order import Build, Order
from dagu_docker.output import Output

HASH = "dagu.build"
#: lines of the build that a failure quotes
_TAIL = 20


def build(daemon: Daemon, wanted: Build, order: Order, output: Output) -> str:
    """The name of the image, built unless it is there. Raises Trouble with the build's last lines."""
    if wanted.policy == "missing" and wanted.tags and _exists(daemon, wanted.tags[0]):
        return wanted.tags[0]
    context = Context.of(wanted)
    digest = context.digest(order.platform)
    name = f"{wanted.repository}:{digest}"
    with _alone(digest, output):
        if wanted.policy == "always" or not _exists(daemon, name):
            _build(daemon, context, name, digest, order, output)
        for tag in wanted.tags:
            repository, _, version = tag.rpartition(":") if ":" in tag.rsplit("/", 1)[-1] else (tag, "", "")
            daemon.api.tag(name, repository, version or None, force=True)
    return name


def _build(daemon: Daemon, context: Context, name: str, digest: str, order: Order, output: Output) -> None:
    wanted = context.build
    output.say(f"building {name}")
    last: deque[str] = deque(maxlen=_TAIL)

    def tell(line: str) -> None:
        last.append(line)
        output.say(line)

    labels = {**wanted.labels, HASH: digest}
    with tempfile.TemporaryFile() as archive, _time_limit(wanted.timeout):
        context.pack(archive)
        archive.seek(0)
        try:
            if wanted.builder == "buildkit":
                buildkit.build(archive, context.dockerfile, (name, labels), order, tell)
            else:
                _classic(daemon, archive, context, (name, labels), order, tell)
        except buildkit.Failed as failed:
            raise Trouble("\n".join([f"the image cannot be built: {failed}", *last])) from None
        except errors.APIError as error:
            raise Trouble(f"cannot build {name}: {explanation(error)}") from None


def _classic(
    daemon: Daemon,
    archive: IO[bytes],
    context: Context,
    names: tuple[str, Mapping[str, str]],
    order: Order,
    tell: Callable[[str], None],
) -> None:
    wanted = context.build
    name, labels = names
    # Base images may be private; the library has no other way to be told for one build.
    logins = _logins(daemon.patient._auth_configs) | order.auths
    daemon.patient._auth_configs = auth.AuthConfig({"auths": logins})
    lines = daemon.patient.build(
        fileobj=archive,
        custom_context=True,
        dockerfile=context.dockerfile,
        tag=name,
        buildargs=wanted.args,
        target=wanted.target or None,
        platform=order.platform or None,
        nocache=wanted.no_cache,
        cache_from=wanted.cache_from or None,
        pull=wanted.pull,
        network_mode=wanted.network or None,
        labels=labels,
        rm=True,
        forcerm=True,
        decode=True,
    )
    for line in lines:
        if wrong := line.get("error"):
            raise buildkit.Failed(wrong)
        for text in str(line.get("stream", "")).splitlines():
            if text.strip():
                tell(text)


def _logins(own: Any) -> dict[str, Any]:
    """The logins of the user who runs us, as far as they can be had."""
    try:
        return dict(own.get_all_credentials())
    except StoreError:
        return dict(own.auths)


def _exists(daemon: Daemon, name: str) -> bool:
    try:
        daemon.api.inspect_image(name)
    except errors.APIError as error:
        if is_status(error, 404):
            return False
        raise
    return True


@contextmanager
def _alone(digest: str, output: Output) -> Iterator[None]:
    """Of several attempts with one context the first builds, the others find the image.

    All builds of a user share one file; each locks the byte that its digest names.
    """
    path = os.path.join(tempfile.gettempdir(), f"dagu-docker-{os.getuid()}.lock")
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        if os.fstat(file.fileno()).st_uid != os.getuid():
            raise Trouble(f"{path} belongs to somebody else")
        byte = int(digest[:12], 16)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            output.say("waiting for another step that builds the same image")
            fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
        yield


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def over(number: int, frame: FrameType | None) -> None:
        raise Trouble(f"the image could not be built within {seconds:g} s (build.timeout)")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
