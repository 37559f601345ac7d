"""Starts a process of ours beside the engine: not under the step's supervisor, and heard by us."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from dagu_core import Attempt, Unavailable
from dagu_docker.config import DockerConfig
from dagu_docker.order import Order

_RUN = "import sys; from dagu_core.contracts.work import run; run(sys.argv[1], sys.argv[2])"
#: Docker's library loads paramiko wherever it is installed: a third of what the process would weigh
_LIGHT = "import sys; sys.modules['paramiko'] = None; "
# fmt: off
_KEPT = frozenset(
    (
        "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "DAGU_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    )
)
# fmt: on
Take = Callable[[bytes], Awaitable[None]]


def argv_of(work: str, order: Order, request: str) -> list[str]:
    """The command line of a process that does `work` of `dagu_docker.work`."""
    code = _RUN if order.engine.get("DOCKER_HOST", "").startswith("ssh:") else _LIGHT + _RUN
    return [sys.executable, "-P", "-E", "-c", code, f"dagu_docker.work:{work}", request]


def environment(order: Order, env: Mapping[str, str]) -> dict[str, str]:
    """What such a process is given: where the Docker engine is, and nothing of the step's own."""
    both = {**os.environ, "DAGU_HOME": env.get("DAGU_HOME", "")}
    return {name: value for name, value in both.items() if name in _KEPT} | order.engine


def write_request(order: Order, path: str) -> None:
    """Write the order where only we can read it; the process removes it when it has read it."""
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(json.dumps(asdict(order), ensure_ascii=False).encode("utf-8", "surrogateescape"))


async def beside(work: str, order: Order, env: Mapping[str, str]) -> None:
    """Do `work` to its end. Raises Unavailable with what it said when it fails."""
    said = bytearray()

    async def take(data: bytes) -> None:
        said.extend(data)

    with _request(order) as request:
        process, ended = await _begin(work, order, request, environment(order, env), (take, take))
        try:
            await asyncio.shield(ended)
            if process.returncode:
                raise Unavailable(said.decode("utf-8", "replace").strip() or f"{work} failed")
        finally:
            await _killed(process, ended)


async def follow_beside(attempt: Attempt[DockerConfig], order: Order) -> None:
    """Carry on with an attempt whose process is gone; its output goes to the step's logs.

    On cancellation it is stopped like the process of a step.
    """
    env = environment(order, attempt.env)
    with _request(order) as request:
        both = (attempt.stdout.write, attempt.stderr.write)
        process, ended = await _begin("run", order, request, env, both)
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(attempt.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), attempt.grace)
            raise
        finally:
            await _killed(process, ended)


@contextlib.contextmanager
def _request(order: Order) -> Iterator[str]:
    descriptor, path = tempfile.mkstemp(prefix="dagu-docker-")
    os.close(descriptor)
    try:
        write_request(order, path)
        yield path
    finally:
        # The process has removed it, unless it was killed before.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


async def _begin(
    work: str, order: Order, request: str, env: dict[str, str], takes: tuple[Take, Take]
) -> tuple[asyncio.subprocess.Process, asyncio.Future[Any]]:
    process = await asyncio.create_subprocess_exec(
        *argv_of(work, order, request),
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    pumps = (_pump(process.stdout, takes[0]), _pump(process.stderr, takes[1]))
    return process, asyncio.gather(*pumps, process.wait())


async def _killed(process: asyncio.subprocess.Process, ended: asyncio.Future[Any]) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await ended


async def _pump(stream: asyncio.StreamReader, take: Take) -> None:
    while data := await stream.read(1 << 16):
        await take(data)
