"""What operators forbid, told when a file is read: as far as it says it in so many words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dagu_core import Problem
from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.fixtures import Command, dagu, dagu_home  # noqa: F401
from dagu_docker import plugin

EVERYTHING = "policy: {privileged: false, hostNetwork: false, hostMounts: false}"


def told(home: Path, text: str, rules: str = EVERYTHING) -> list[Problem]:
    """What is forbidden in a file, where operators set these rules."""
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text(f"docker: {{{rules}}}\n")
    settings = Settings.load(environ={"DAGU_HOME": str(home), "HOME": str(home)})
    host = PluginHost.of(settings, plugins=[plugin], discover=False)
    found = read_definition(text, path=str(home / "flow.yaml"), vocabulary=host.catalog.vocabulary)
    every = [each for one in map(host.lint, found.plans, found.places) for each in one]
    return [each for each in every if each.code in ("D153", "D154", "D034")]


FORBIDDEN = {
    "container: {image: i, volumes: ['a:/a', '/etc:/h:ro']}": "the mount of /etc (hostMounts)",
    "container: {image: i, volumes: ['./a:/h']}": "the mount of ./a (hostMounts)",
    "container: {image: i, volumes: ['~/${X}:/h']}": "the mount of ~/${X} (hostMounts)",
    "container: {image: i, network: host}": "the network host (hostNetwork)",
    "container: {build: {context: ., network: host}}": "the network host for a build (hostNetwork)",
    "type: docker, config: {image: i, volumes: ['/etc:/h']}": "the mount of /etc (hostMounts)",
    "type: docker, config: {image: i, host: {BINDS: ['/etc:/h']}}": "the mount of /etc (hostMounts)",
    "type: docker, config: {image: i, host: {mounts: [{tYpe: bind, source: /etc}]}}": "the mount of /etc",
    "type: docker, config: {image: i, host: {network_mode: host}}": "the network host (hostNetwork)",
    "type: docker, config: {image: i, network: {endpoints_config: {host: {}}}}": "the network host",
    "type: docker, config: {image: i, host: {Privileged: true}}": "a privileged container (privileged)",
    "type: docker, config: {image: i, host: {capAdd: [CHOWN, ALL]}}": "the capability ALL (privileged)",
    "type: docker, config: {image: i, host: {securityOpt: [seccomp=unconfined]}}": "the security option",
    "type: docker, config: {image: i, host: {devices: []}}": "Devices (privileged)",
    "type: docker, config: {image: i, host: {pidMode: host}}": "PidMode of the host (privileged)",
    "type: docker, config: {containerName: i, exec: {PRIVILEGED: true}}": "a privileged command (privileged)",
}
ALLOWED = (
    "container: {image: i, volumes: ['a:/a', '${X}:/h'], network: '${N}'}",
    "container: {image: i, network: none}",
    "type: docker, config: {image: i, host: {capAdd: [chown, CAP_KILL, '${C}'], privileged: false}}",
    "type: docker, config: {image: i, host: {mounts: [{Type: volume, Source: v, Target: /t}], pidMode: ''}}",
    "type: docker, config: {containerName: there, image: i, volumes: ['/etc:/h']}",
    "container: theirs",
)


@pytest.mark.parametrize("step", FORBIDDEN)
def test_what_is_forbidden(tmp_path: Path, step: str) -> None:
    (found,) = told(tmp_path, f"steps:\n  - {{name: one, command: x, {step}}}")
    assert (found.code, found.severity, found.place.line) == ("D153", "error", 2)
    assert found.message.startswith("step one: con") and FORBIDDEN[step] in found.message
    assert told(tmp_path, f"steps: [{{name: one, command: x, {step}}}]", "policy: {}") == []


@pytest.mark.parametrize("step", ALLOWED)
def test_what_may_be_all_right_is_left_to_the_engine(tmp_path: Path, step: str) -> None:
    assert told(tmp_path, f"steps: [{{name: one, command: x, {step}}}]") == []


def test_every_key_of_the_policy_stands_for_itself(tmp_path: Path) -> None:
    step = "{name: one, container: {image: i, network: host, volumes: ['/a:/a']}, command: x}"
    for key in ("hostNetwork", "hostMounts"):
        (found,) = told(tmp_path, f"steps: [{step}]", f"policy: {{{key}: false}}")
        assert found.message.endswith(f"({key})")
    assert told(tmp_path, f"steps: [{step}]", "policy: {privileged: false}") == []


def test_the_container_of_a_dag_is_judged_once_and_when_it_is_used(tmp_path: Path) -> None:
    dag = "container: {image: i, volumes: [data:/d, /etc:/h]}\nsteps:\n"
    used = "  - {name: a, command: x}\n  - {name: b, command: x}\n"
    (found,) = told(tmp_path, dag + used)
    assert (found.place.line, found.place.column) == (1, 42)
    assert found.message == "container: docker.policy forbids the mount of /etc (hostMounts)"
    assert told(tmp_path, dag + "  - {name: a, type: command, command: x}") == []


def test_contexts_outside_of_the_roots(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder / "img").mkdir(parents=True)
    os.symlink(tmp_path / "out", tmp_path / "in" / "link")
    rules = f"buildRoots: [{tmp_path}/in]"
    steps = ["./in/img", "./out/img", "in/link/img", "{context: in/../out}", "'${X}'"]
    lines = "".join(f"  - container: {{build: {each}}}\n" for each in steps)
    found = told(tmp_path, f"steps:\n{lines}", rules)
    assert [(each.code, each.severity, each.place.line) for each in found] == [
        ("D154", "error", line) for line in (3, 4, 5)
    ]
    assert f"{tmp_path}/out/img is outside of docker.buildRoots ({tmp_path}/in)" in found[0].message


def test_validate_and_start_refuse_it(dagu: Command) -> None:  # noqa: F811
    (dagu.home / "config.yaml").write_text(f"docker: {{{EVERYTHING}}}\n")
    file = dagu.home / "a.yaml"
    file.write_text("steps:\n  - {name: one, container: {image: i, network: host}, command: x}\n")
    for verb in ("validate", "start"):
        done = dagu(verb, str(file))
        said = done.out + done.err
        assert done.code == 1 and "a.yaml:2:48: error" in said, said
        assert "D153 step one: container: docker.policy forbids the network host (hostNetwork)" in said
