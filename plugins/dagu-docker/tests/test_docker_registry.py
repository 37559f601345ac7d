"""Private registries: a real one, with a password."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from dagu_core.testing.requirements import require
from dagu_docker.buildkit import has_buildkit

CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: 127.0.0.1:{port}}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""
USER, PASSWORD = "robot", "pass:word/1"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def registry(shared_engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a registry that has box:1 as private/box:1."""
    require(shutil.which("docker-registry"), "docker-registry: apt install docker-registry")
    folder: Path = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        host = f"127.0.0.1:{port}"
        shared_engine.api.tag("box:1", f"{host}/private/box", "1")
        for _ in range(200):
            login = {"username": USER, "password": PASSWORD}
            said = shared_engine.api.push(f"{host}/private/box", "1", auth_config=login)
            if "error" not in said:
                break
        assert "error" not in said, said
        yield host
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def image(registry: str, engine: Any) -> Iterator[str]:
    """A private image that is not here yet."""
    name = f"{registry}/private/box:1"
    _forget(engine, name)
    yield name
    _forget(engine, name)
    _forget_builds(engine)


def _forget(engine: Any, name: str) -> None:
    if engine.api.images(name):
        engine.api.remove_image(name, force=True)


def _forget_builds(engine: Any) -> None:
    for each in engine.api.images(filters={"label": "dagu.build"}):
        engine.api.remove_image(each["Id"], force=True)
    engine.api.prune_builds()


@pytest.fixture(params=["classic", "buildkit"])
def builder(request: pytest.FixtureRequest) -> str:
    if request.param == "buildkit":
        require(has_buildkit(), "a `docker` with BuildKit: apt install docker.io or docker-buildx")
    return f"builder: {request.param}, network: none"


def test_a_private_image_is_pulled_with_the_login_of_the_dag(lab: Any, registry: str, image: str) -> None:
    lab.environ["THE_PASSWORD"] = PASSWORD
    ran = lab.run(f"""
        secrets: [{{name: PW, provider: env, key: THE_PASSWORD}}]
        registryAuths: {{"{registry}": {{username: {USER}, password: "${{PW}}"}}}}
        container: {{image: "{image}"}}
        steps: [{{name: one, command: echo pulled}}]
        """)
    assert ran.out("one") == "pulled\n", ran.said
    assert "Digest: sha256:" in ran.err("one")
    files = [path for path in lab.home.rglob("*") if path.is_file()]
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


def test_policies_and_docker_auth_config(lab: Any, engine: Any, registry: str, image: str) -> None:
    lab.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {registry: {"auth": BASIC}}})
    ran = lab.run(f"""
        steps:
          - {{name: missing, container: {{image: "{image}"}}, command: "true"}}
          - {{name: there, container: {{image: "{image}"}}, command: "true"}}
          - {{name: always, container: {{image: "{image}", pullPolicy: always}}, command: "true"}}
          - name: build
            container: {{build: {{context: ., pull: true, dockerfileInline: "FROM {image}\\nRUN touch /x"}}}}
            command: ls /x
        """)
    assert ran.code == 0, ran.said
    pulled = {name: "pulling" in ran.err(name) for name in ("missing", "there", "always")}
    assert pulled == {"missing": True, "there": False, "always": True}
    assert ran.out("build") == "/x\n"


def test_a_private_image_is_built_upon(lab: Any, registry: str, image: str, builder: str) -> None:
    """The user's own configuration has a helper that must not be asked, and is not there either."""
    (lab.root / ".docker").mkdir()
    (lab.root / ".docker" / "config.json").write_text(json.dumps({"credsStore": "nowhere", "auths": {}}))
    lab.environ["THE_PASSWORD"] = PASSWORD
    ran = lab.run(f"""
        secrets: [{{name: PW, provider: env, key: THE_PASSWORD}}]
        registryAuths: {{"http://{registry}/v1/": {{username: {USER}, password: "${{PW}}"}}}}
        container:
          build: {{context: ., {builder}, dockerfileInline: "FROM {image}\\nRUN echo made > /x"}}
        steps: [{{name: one, command: cat /x}}]
        """)
    assert ran.out("one") == "made\n", ran.said
    files = [path for path in lab.root.rglob("*") if path.is_file()]
    assert [path for path in files if BASIC.encode() in path.read_bytes()] == []


def test_a_helper_of_the_user_that_fails_is_told(lab: Any, image: str) -> None:
    (lab.root / ".docker").mkdir()
    (lab.root / ".docker" / "config.json").write_text(json.dumps({"credsStore": "nowhere"}))
    ran = lab.run(f"steps: [{{name: one, container: {{image: '{image}'}}, command: 'true'}}]")
    assert "names a credential helper that fails: " in ran.error("one"), ran.said
    assert "docker-credential-nowhere not installed" in ran.error("one")
    assert ran.err("one").count("pulling") == 1


def test_layers_are_taken_over_from_an_image_of_elsewhere(
    lab: Any, engine: Any, registry: str, image: str, builder: str
) -> None:
    (lab.root / "Dockerfile").write_text("FROM box:1\nRUN cat /proc/sys/kernel/random/uuid > /id\n")
    kept = f"{registry}/private/kept:1"
    auths = f'registryAuths: {{"{registry}": {BASIC}}}'
    inline = ", inlineCache: true" if "buildkit" in builder else ""

    def run(name: str, more: str) -> str:
        text = (
            f"steps: [{{name: one, container: {{build: {{context: ., {builder}{more}}}}}, command: cat /id}}]"
        )
        ran = lab.run(f"{auths}\n{text}", name=name)
        assert ran.code == 0, ran.said
        return str(ran.out("one"))

    first = run("first", f"{inline}, tag: '{kept}'")
    login = {"username": USER, "password": PASSWORD}
    assert "error" not in engine.api.push(kept, auth_config=login)
    _forget_builds(engine)
    assert run("other", "") != first
    _forget_builds(engine)
    if not inline:
        # The classic builder looks at images that are there; the other one asks for them.
        engine.api.pull(kept, auth_config=login)
    assert run("third", f", cacheFrom: ['{kept}']") == first


@pytest.mark.parametrize(
    ("auths", "said"),
    [
        ("{}", "it needs a login: see registryAuths"),
        ('{"HOST": {"username": "robot", "password": "wr0ng-pw"}}', "the login in registryAuths was refused"),
        ('{"HOST": "d3JvbmctcHc="}', "not the base64 of `username:password`"),
        ('{"other.example": {"username": "robot", "password": "wr0ng-pw"}}', "it needs a login"),
    ],
)
def test_a_login_that_does_not_work(lab: Any, registry: str, image: str, auths: str, said: str) -> None:
    ran = lab.run(f"""
        registryAuths: {auths.replace("HOST", registry)}
        steps: [{{name: one, container: {{image: "{image}"}}, command: "true"}}]
        """)
    assert ran.status("one") == "failed"
    assert said in ran.error("one") and "wr0ng" not in ran.said and "wrong-pw" not in ran.said
