"""Builds with BuildKit, through the command line of Docker: nothing else here speaks its protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from docker import auth

from dagu_docker.daemon import Trouble
from dagu_docker.order import Build, Order

_MISSING = (
    "build.builder: buildkit needs a `docker` command that can do it, and there is none on the PATH ({}); "
    "install the buildx component (`docker-buildx` or `docker-buildx-plugin`), or leave `builder` out"
)
_ENVIRONMENT = {
    "DOCKER_BUILDKIT": "1",
    # The engine that runs the containers is the one that builds, whatever the user has chosen elsewhere.
    "DOCKER_CONTEXT": "default",
    "BUILDX_BUILDER": "default",
}


class Failed(Exception):
    """The build failed, with what it said last."""


def build(
    archive: IO[bytes],
    dockerfile: str,
    names: tuple[str, Mapping[str, str]],
    order: Order,
    tell: Callable[[str], None],
) -> None:
    """Build the packed context; `names` are the image's name and its labels.

    Raises Trouble when BuildKit is not to be had, Failed when the build fails.
    """
    wanted = order.build
    assert wanted is not None
    tool = _tool()
    said = ""
    with _logins(order) as where:
        # Values reach the command by its environment: its arguments can be read by everybody.
        hidden = {f"DAGU_SECRET_{index}": value for index, value in enumerate(wanted.secrets.values())}
        process = subprocess.Popen(
            [tool, "build", *_options(wanted, dockerfile, names, order.platform), "-"],
            env={**os.environ, **_ENVIRONMENT, **where, **hidden},
            stdin=archive,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if text := line.strip():
                    said = text
                    tell(text)
            code = process.wait()
        finally:
            # Whoever is gone builds no more: the engine hears it when the connection is closed.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
    if code:
        raise Failed(said or f"docker build ended with exit code {code}")


def has_buildkit() -> bool:
    """Whether a `docker` on the PATH can build with BuildKit."""
    return any(map(_can_build, _tools()))


def _tool() -> str:
    tools = _tools()
    for tool in tools:
        if _can_build(tool):
            return tool
    raise Trouble(_MISSING.format(", ".join(tools) or "no `docker` at all"))


def _tools() -> list[str]:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = (shutil.which("docker", path=folder) for folder in folders)
    return list(dict.fromkeys(tool for tool in found if tool))


def _can_build(tool: str) -> bool:
    # An old one has it built in, a new one asks buildx: then, and only then, both know `--secret`.
    asked = subprocess.run(
        [tool, "build", "--help"], env={**os.environ, **_ENVIRONMENT}, capture_output=True, check=False
    )
    return asked.returncode == 0 and b"--secret" in asked.stdout


def _options(
    wanted: Build, dockerfile: str, names: tuple[str, Mapping[str, str]], platform: str
) -> Iterator[str]:
    name, labels = names
    yield from ("--progress=plain", f"--tag={name}", f"--file={dockerfile}")
    for key, value in labels.items():
        yield f"--label={key}={value}"
    for key, value in wanted.args.items():
        yield f"--build-arg={key}={value}"
    if wanted.inline_cache:
        yield "--build-arg=BUILDKIT_INLINE_CACHE=1"
    for image in wanted.cache_from:
        yield f"--cache-from={image}"
    for index, key in enumerate(wanted.secrets):
        yield f"--secret=id={key},env=DAGU_SECRET_{index}"
    for option, text in (("target", wanted.target), ("platform", platform), ("network", wanted.network)):
        if text:
            yield f"--{option}={text}"
    if wanted.no_cache:
        yield "--no-cache"
    if wanted.pull:
        yield "--pull"


@contextmanager
def _logins(order: Order) -> Iterator[dict[str, str]]:
    """Where the command finds the logins of the order beside those of the user.

    It reads them from nothing but a file: one that only we can read, and that is gone afterwards.
    """
    if not order.auths:
        yield {}
        return
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    data = _read(own / "config.json")
    for registry, login in order.auths.items():
        host = auth.convert_to_hostname(registry)
        key = auth.INDEX_URL if auth.resolve_index_name(host) == auth.INDEX_NAME else host
        data.setdefault("auths", {})[key] = _entry(login)
        # A helper of the user's must not be asked for what the DAG says.
        data.setdefault("credHelpers", {})[key] = ""
    with tempfile.TemporaryDirectory(prefix="docker-", dir=order.folder) as folder:
        with os.fdopen(os.open(f"{folder}/config.json", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            json.dump(data, file)
        if (own / "cli-plugins").is_dir():
            os.symlink(own / "cli-plugins", f"{folder}/cli-plugins")
        yield {"DOCKER_CONFIG": folder}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise Trouble(f"{path} is no JSON") from None
    return data if isinstance(data, dict) else {}


def _entry(login: Mapping[str, str]) -> dict[str, str]:
    if token := login.get("identitytoken"):
        return {"identitytoken": token}
    both = f"{login['username']}:{login['password']}".encode()
    return {"auth": base64.b64encode(both).decode()}
