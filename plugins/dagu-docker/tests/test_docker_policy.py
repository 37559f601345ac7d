"""What operators forbid by docker.policy, with a real engine: in every spelling, and nothing else.

What a file says in so many words is told when it is read (test_docker_forbidden.py); here the rules come
when the run has begun, so that it is the engine's answer that counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

BOX = "image: box:1, pullPolicy: never"
OLD = "image: box:1, pull: never, autoRemove: true"


RULES = "{name: rules, type: command, command: cp rules.yaml home/config.yaml}"


def forbid(lab: Any, *keys: str) -> None:
    """The rules are there as soon as the step RULES has run."""
    rules = ", ".join(f"{key}: false" for key in keys)
    (lab.root / "rules.yaml").write_text(f"docker: {{policy: {{{rules}}}}}\n")


def refused(lab: Any, steps: dict[str, str]) -> dict[str, str]:
    """The error of each step; none of them may have run anything."""
    more = "command: touch /ran, depends: rules, continueOn: failed"
    lines = [f"  - {{name: {name}, {text}, {more}}}" for name, text in steps.items()]
    ran = lab.run("\n".join(["type: graph", "steps:", f"  - {RULES}", *lines]))
    for name in steps:
        assert ran.status(name) == "failed", (name, ran.said)
        assert "docker.policy forbids: " in ran.error(name), name  # so it is not `touch` that failed
    return {name: ran.error(name) for name in steps}


MOUNTS = {
    "path": f"container: {{{BOX}, volumes: ['/etc:/h:ro']}}",
    "relative": f"container: {{{BOX}, volumes: ['.:/h']}}",
    "home": f"container: {{{BOX}, volumes: ['~:/h']}}",
    "several": f"container: {{{BOX}, volumes: ['fine:/f', '/etc:/h']}}",
    "old": f"type: docker, config: {{{OLD}, volumes: ['/etc:/h']}}",
    "binds": f"type: docker, config: {{{OLD}, host: {{BINDS: ['/etc:/h']}}}}",
    "api": f"type: docker, config: {{{OLD}, host: {{mounts: [{{tYpe: bind, source: /etc, target: /h}}]}}}}",
    "from": f"type: docker, config: {{{OLD}, host: {{volumes_from: [theirs]}}}}",
}


def test_folders_of_the_host(lab: Any, engine: Any) -> None:
    forbid(lab, "hostMounts")
    made = engine.api.create_host_config(binds=["/etc:/theirs"])
    engine.api.create_container("box:1", ["true"], name="theirs", host_config=made)
    try:
        for name, error in refused(lab, MOUNTS).items():
            assert "docker.policy forbids: the mount of /" in error and "(hostMounts)" in error, name
    finally:
        engine.api.remove_container("theirs")
        engine.api.remove_volume("fine")


def test_a_volume_that_stands_for_a_folder_of_the_host(lab: Any, engine: Any) -> None:
    forbid(lab, "hostMounts")
    driver = "{Name: local, Options: {type: none, o: bind, device: /etc}}"
    volume = f"Type: volume, Source: sly, Target: /h, VolumeOptions: {{DriverConfig: {driver}}}"
    first = f"type: docker, config: {{{OLD}, host: {{Mounts: [{{{volume}}}]}}}}"
    try:
        assert "the mount of /etc as the volume sly" in refused(lab, {"one": first})["one"]
        # It is there now, and no better.
        step = f"{{name: one, container: {{{BOX}, volumes: ['sly:/h']}}, command: date}}"
        again = lab.run(f"steps: [{step}]", name="again")
        assert "the mount of /etc as the volume sly" in again.error("one")
    finally:
        engine.api.remove_volume("sly")


@pytest.fixture
def host_network(engine: Any) -> Iterator[dict[str, str]]:
    (found,) = [each["Id"] for each in engine.api.networks() if each["Name"] == "host"]
    engine.run("theirs", "sleep", "1000", network_mode="host")
    yield {
        "name": f"container: {{{BOX}, network: host}}",
        "id": f"container: {{{BOX}, network: {found!r}}}",
        "part": f"container: {{{BOX}, network: {found[:12]!r}}}",
        "joined": f"container: {{{BOX}, network: 'container:theirs'}}",
        "old": f"type: docker, config: {{{OLD}, host: {{network_mode: host}}}}",
        "end": f"type: docker, config: {{{OLD}, network: {{endpoints_config: {{host: {{}}}}}}}}",
        "end-id": f"type: docker, config: {{{OLD}, network: {{EndpointsConfig: {{{found!r}: {{}}}}}}}}",
    }
    engine.api.remove_container("theirs", force=True)


def test_the_network_of_the_host(lab: Any, host_network: dict[str, str]) -> None:
    forbid(lab, "hostNetwork")
    for name, error in refused(lab, host_network).items():
        assert "docker.policy forbids: the network " in error and "(hostNetwork)" in error, name


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_build_in_the_network_of_the_host(lab: Any, context: Any, engine: Any, builder: str) -> None:
    forbid(lab, "hostNetwork")
    build = f"{{context: img, network: host, builder: {builder}}}"
    (error,) = refused(lab, {"one": f"container: {{build: {build}}}"}).values()
    assert "docker.policy forbids: the network host for a build" in error and engine.built() == {}


POWERS = {
    "whole": ("Privileged: true", "a privileged container"),
    "all": ("capAdd: [ALL]", "the capability ALL"),
    "one": ("cap_add: [cap_sys_admin, CHOWN]", "the capability SYS_ADMIN"),
    "device": ("devices: [{PathOnHost: /dev/null, PathInContainer: /d, CgroupPermissions: r}]", "Devices"),
    "rule": ("deviceCgroupRules: ['a *:* rwm']", "DeviceCgroupRules"),
    "unconfined": ("securityOpt: [seccomp=unconfined]", "the security option seccomp=unconfined"),
    "masks": ("maskedPaths: []", "MaskedPaths"),
    "pid": ("pidMode: host", "PidMode of the host"),
    "ipc": ("ipc_mode: host", "IpcMode of the host"),
    "uts": ("UTSMode: host", "UTSMode of the host"),
    "joined": ("pidMode: 'container:theirs'", "PidMode of the host"),
}


def test_privileged_containers(lab: Any, engine: Any) -> None:
    forbid(lab, "privileged")
    engine.run("theirs", "sleep", "1000", pid_mode="host")
    steps = {name: f"type: docker, config: {{{OLD}, host: {{{host}}}}}" for name, (host, _) in POWERS.items()}
    inside = {"inside": "type: docker, config: {containerName: theirs, exec: {PRIVILEGED: true}}"}
    try:
        errors = refused(lab, {**steps, **inside})
        assert "forbids: a privileged command" in errors["inside"]
    finally:
        engine.api.remove_container("theirs", force=True)
    for name, (_, said) in POWERS.items():
        assert f"docker.policy forbids: {said} (privileged)" in errors[name], name


def test_the_container_of_a_dag_and_the_environment_of_the_engine(lab: Any, engine: Any) -> None:
    lab.environ["DAGU_DOCKER_POLICY_HOST_MOUNTS"] = "false"
    ran = lab.run(f"""
        env: [{{DAGU_DOCKER_POLICY_HOST_MOUNTS: "true"}}, {{DAGU_HOME: /nowhere}}]
        params: [{{WHERE: /etc}}]
        container: {{{BOX}, volumes: ["${{WHERE}}:/h"], keepContainer: true}}
        steps:
          - {{name: one, command: ls /h, continueOn: failed}}
          - {{name: two, command: [ls /h, ls /h]}}
        """)
    for name in ("one", "two"):
        assert "docker.policy forbids: the mount of /etc (hostMounts)" in ran.error(name), ran.said
        assert (ran.out(name), ran.step(name).exit_code) == ("", 125)
    assert engine.names() == []


def test_what_is_not_forbidden_runs(lab: Any, engine: Any) -> None:
    forbid(lab, "privileged", "hostNetwork", "hostMounts")
    try:
        ran = lab.run(f"""
            steps:
              - {RULES}
              - name: plain
                container: {{{BOX}, network: none, volumes: ["mine:/m"]}}
                command: touch /m/x
              - {{name: several, container: {{{BOX}}}, command: [date, date]}}
              - name: old
                type: docker
                config:
                  image: box:1
                  autoRemove: true
                  host: {{capDrop: [ALL], capAdd: [CHOWN], securityOpt: [no-new-privileges], memory: 9000000}}
                command: date
            """)
        assert ran.code == 0, ran.said
    finally:
        engine.api.remove_volume("mine")
