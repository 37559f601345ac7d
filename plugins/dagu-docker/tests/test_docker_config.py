"""What may be written, without any Docker engine."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dagu_docker.build_config import BuildField
from dagu_docker.config import ContainerField, DockerConfig
from dagu_docker.ordering import pairs
from dagu_docker.output import STDERR, STDOUT, Cut, Output, frames
from dagu_docker.ports import binds, port_bindings

READING = {"phase": "read"}


def container(data: Any, *, reading: bool = True) -> ContainerField:
    return ContainerField.model_validate(data, context=READING if reading else None)


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("always", "always"),
        (True, "always"),
        ("true", "always"),
        (False, "never"),
        ("0", "never"),
        ("", "missing"),
    ],
)
def test_pull_policies(written: str | bool, policy: str) -> None:
    assert container({"image": "i", "pull_policy": written}).pull_policy == policy


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"image": "i", "exec": "e"}, "'exec' and 'image' are mutually exclusive"),
        ({"build": ".", "exec": "e"}, "'exec' and 'build' are mutually exclusive"),
        ({"env": []}, "either 'exec', 'image' or 'build' must be specified"),
        (
            {"exec": "e", "volumes": ["a:/b"], "ports": [80]},
            r"fields \[ports, volumes\] cannot be used with 'exec'",
        ),
        ({"image": "i", "name": " "}, "container name cannot be empty"),
        ("", "container name cannot be empty"),
        ({"image": "i", "pullPolicy": "Always"}, "must be always, never, missing"),
        ({"image": "i", "env": ["A"]}, r"env\[0\]: write NAME=value"),
        ({"image": "i", "logPattern": "("}, "no regular expression"),
        ({"image": "i", "startup": "command"}, "'startup: command' needs 'command'"),
        ({"image": "i", "startup": "command", "command": "echo 'x"}, "No closing quotation"),
        ({"image": "i", "foo": 1}, "foo"),
        ({"image": "i", "keepContainer": "maybe"}, "keepContainer"),
        ({"build": {"context": ".", "timeout": "soon"}}, "must be a duration"),
        ({"build": {"kontext": "."}}, "kontext"),
        ({"build": {"builder": "kaniko"}}, "builder"),
        ({"build": {"buildSecrets": {"A": "x"}}}, "'buildSecrets' needs 'builder: buildkit'"),
        ({"build": {"inlineCache": True}}, "'inlineCache' needs 'builder: buildkit'"),
        ({"build": {"builder": "buildkit", "secrets": {"a,b": "x"}}}, "'a,b' is no id of a secret"),
    ],
)
def test_what_makes_no_sense_is_refused(data: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        container(data)


def test_references_wait_for_the_run() -> None:
    waiting = {
        "image": "${IMAGE}",
        "pullPolicy": "${PULL}",
        "keepContainer": "${KEEP}",
        "logPattern": "${P}(",
        "ports": ["${PORT}:80"],
        "volumes": ["${DATA}"],
        "build": {"timeout": "${T}"},
    }
    assert container(waiting).keep_container == "${KEEP}"
    assert container("${NAME}").exec == "${NAME}"
    with pytest.raises(ValidationError):
        container(waiting, reading=False)


def test_spellings() -> None:
    one = container(
        {"image": "i", "work_dir": "/a", "RestartPolicy": False, "wait_for": "healthy", "user": 7}
    )
    assert (one.working_dir, one.restart_policy, one.wait_for, one.user) == ("/a", "no", "healthy", 7)
    assert container({"image": "i", "workDir": "/a"}).working_dir == "/a"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"platform": "p"}, "either 'containerName', 'image' or 'build' must be specified"),
        ({"image": "i", "exec": {"user": "u"}}, "'exec' needs 'containerName'"),
        ({"image": "i", "imag": "i"}, "imag"),
        ({"image": "i", "host": {"memoryy": 1}}, "unknown key 'memoryy'; did you mean `Memory`"),
        ({"image": "i", "container": {"hostConfig": {}}}, "unknown key 'hostConfig'"),
        ({"image": "i", "network": {"endpoints": {}}}, "unknown key 'endpoints'"),
        ({"image": "i", "host": {"cap_add": [], "CapAdd": []}}, "`CapAdd` is given twice"),
        ({"containerName": "c", "exec": {"usr": "u"}}, "unknown key 'usr'; did you mean `user`"),
    ],
)
def test_config_that_makes_no_sense_is_refused(data: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DockerConfig.model_validate(data, context=READING)


def test_env_forms() -> None:
    assert pairs([{"A": 1, "B": True}, "C=x=y", {"A": None}]) == {"A": "", "B": "true", "C": "x=y"}
    assert pairs({"A": 1.5}) == {"A": "1.5"}


@pytest.mark.parametrize(
    ("port", "inside", "ip", "outside"),
    [
        (80, "80/tcp", "", ""),
        ("8080:80", "80/tcp", "", "8080"),
        ("127.0.0.1:8080:80/udp", "80/udp", "127.0.0.1", "8080"),
        ("127.0.0.1::80", "80/tcp", "127.0.0.1", ""),
        ("[::1]:1:2/sctp", "2/sctp", "::1", "1"),
    ],
)
def test_ports(port: str | int, inside: str, ip: str, outside: str) -> None:
    assert port_bindings([port]) == ({inside: {}}, {inside: [{"HostIp": ip, "HostPort": outside}]})


@pytest.mark.parametrize("port", ["0", "65536", "a", "80/icmp", "1:2:3:4", ""])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(ValidationError, match=r"ports\.0(.|\n)*is no port"):
        container({"image": "i", "ports": [port]})


def test_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/me")
    given = ["/a:/b", "./a/../c:/b:ro", ".:/w", "~/d:/b", "named.volume-1:/v:rw,z"]
    wanted = ["/a:/b", "/work/c:/b:ro", "/work:/w", "/me/d:/b", "named.volume-1:/v:rw,z"]
    assert binds(given, Path("/work")) == wanted


@pytest.mark.parametrize("volume", ["a", ":/b", "a:b", "/a:/b:rx", "a b:/c", "/a:/b:ro:x"])
def test_what_is_no_volume(volume: str) -> None:
    for model in (ContainerField, DockerConfig):
        with pytest.raises(ValidationError, match=r"volumes\.0(.|\n)*write source:target"):
            model.model_validate({"image": "i", "volumes": [volume]}, context=READING)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), (20, 20), ("", 0)]
)
def test_how_long_a_build_may_take(written: Any, seconds: float) -> None:
    assert BuildField.model_validate({"timeout": written}).timeout == seconds


def _frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_frames_in_pieces_of_any_size(size: int) -> None:
    data = _frame(1, b"out") + _frame(2, b"") + _frame(2, b"error\n")
    source = io.BytesIO(data)
    assert list(frames(lambda _: source.read(size))) == [(1, b"out"), (2, b""), (2, b"error\n")]
    half = io.BytesIO(data[:-1])
    with pytest.raises(Cut):
        list(frames(lambda _: half.read(size)))


def test_what_was_written_is_not_written_again(tmp_path: Path) -> None:
    """Each half by a process of its own; the second reads the log from its beginning."""
    log = [b"one\ntw", b"o\nthree\nfo", b"ur\n\nend"]
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dagu_docker.output import Output\n"
        f"output = Output(Path({str(tmp_path / 'progress')!r}))\n"
    )
    whole = b"".join(log)
    for cut in range(len(whole) + 1):
        (tmp_path / "progress").unlink(missing_ok=True)
        with (tmp_path / "log").open("wb") as file:
            output = Output(tmp_path / "progress")
            output._streams = {STDOUT: file.fileno(), STDERR: file.fileno()}  # as if they were ours
            output.write(STDOUT, whole[:cut])
            again = Output(tmp_path / "progress")
            again._streams = {STDOUT: file.fileno(), STDERR: file.fileno()}
            again.rest(STDOUT, iter(log))
        assert (tmp_path / "log").read_bytes() == whole, cut
    done = subprocess.run(
        [sys.executable, "-c", code + "output.write(2, b'told')"], capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"told")


def test_nothing_of_this_package_is_more_than_it_says() -> None:
    """Every field of the models is in the page that explains it."""
    page = (Path(__file__).parents[3] / "docs" / "plugins" / "docker.md").read_text("utf-8")
    for model in (ContainerField, BuildField, DockerConfig):
        for name, field in model.model_fields.items():
            assert re.search(rf"`{field.alias or name}`", page), f"{model.__name__}.{name}"
