"""Keys of `container` and `config` that no other test shows, with the real command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dagu_docker import container as containers
from dagu_docker.daemon import Daemon, Trouble
from dagu_docker.order import Order
from dagu_docker.output import Output

BOX = "image: box:1, pullPolicy: never"


def _image(engine: Any, name: str, **conf: Any) -> None:
    made = engine.api.create_container("box:1", ["true"], name="template")
    engine.api.commit("template", *name.split(":"), conf={"Cmd": ["true"], **conf})
    engine.api.remove_container(made["Id"])


def test_volumes_begin_at_the_folder_of_the_step_or_dag(lab: Any) -> None:
    for folder in ("dag", "step"):
        (lab.root / folder).mkdir()
        (lab.root / folder / "who").write_text(folder)
    ran = lab.run(f"""
        workingDir: {lab.root}/dag
        container: {{{BOX}, volumes: [".:/here:ro"]}}
        type: graph
        steps:
          - {{name: shared, workingDir: {lab.root}/step, command: cat /here/who}}
          - name: own
            workingDir: {lab.root}/step
            container: {{{BOX}, volumes: [".:/here"]}}
            command: cat /here/who
          - {{name: dag, container: {{{BOX}, volumes: ["./who:/file"]}}, command: cat /file}}
        """)
    assert [ran.out(name) for name in ("shared", "own", "dag")] == ["dag", "step", "dag"], ran.said


def test_networks_of_the_host_and_of_another_container(lab: Any, engine: Any) -> None:
    theirs = engine.run("theirs", "sleep", "1000", network_mode="none")
    look = "command: readlink /proc/self/ns/net"
    try:
        ran = lab.run(f"""
            type: graph
            steps:
              - {{name: host, container: {{{BOX}, network: host}}, {look}}}
              - {{name: theirs, container: {{{BOX}, network: "container:theirs"}}, {look}}}
              - {{name: none, container: {{{BOX}, network: none}}, {look}}}
            """)
        pid = engine.api.inspect_container(theirs)["State"]["Pid"]
        assert ran.out("host").strip() == os.readlink("/proc/self/ns/net")
        assert ran.out("theirs").strip() == os.readlink(f"/proc/{pid}/ns/net")
        assert len({ran.out(name) for name in ("host", "theirs", "none")}) == 3
    finally:
        engine.api.remove_container("theirs", force=True)


def test_the_container_of_a_dag_takes_nothing_from_step_or_entrypoint(lab: Any, engine: Any) -> None:
    _image(engine, "entry:2", Entrypoint=["echo", "entry:"], WorkingDir="/tmp")
    ran = lab.run("""
        container: {image: entry:2, pullPolicy: never}
        steps: [{name: one, workingDir: /bin, env: [{A: step}], command: [pwd, env]}]
        """)
    lines = ran.out("one").splitlines()
    assert lines[0] == "/tmp" and "A=step" not in lines, ran.said


STARTUPS = {
    "entrypoint": ("startup: entrypoint", "sleep 1001"),
    "command": ("startup: command, command: [sleep, 1002]", "sleep 1002"),
    "keepalive": ("startup: keepalive", "sh -c while true; do sleep 86400; done"),
}


@pytest.mark.parametrize("startup", STARTUPS)
@pytest.mark.parametrize("level", ["dag", "step"])
def test_startup_is_what_it_does_meanwhile(lab: Any, engine: Any, startup: str, level: str) -> None:
    words, wanted = STARTUPS[startup]
    image = {"Entrypoint": ["sleep"], "Cmd": ["1001"]} if startup == "entrypoint" else {"Cmd": ["true"]}
    _image(engine, "starts:1", **image)
    container = f"container: {{image: starts:1, {words}}}"
    dag, step = (container, "type: docker") if level == "dag" else ("tags: [x]", container)
    ran = lab.run(f"""
        {dag}
        steps:
          - name: one
            {step}
            command: [ps -o args, "true"]
        """)
    assert ran.out("one").splitlines()[2] == wanted, ran.said


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_a_restart_policy_holds_until_the_step_is_stopped(
    lab: Any, engine: Any, policy: str, wait: Any
) -> None:
    process = lab.start(f"""
        steps:
          - name: one
            container: {{{BOX}, restartPolicy: {policy}, volumes: [".:/out"]}}
            command: sh -c 'echo x >> /out/ledger; echo line 3; exit 1'
        """)
    wait(30, lambda: (lab.root / "ledger").exists() and len((lab.root / "ledger").read_text()) >= 6)
    lab.call("stop", "flow")
    assert lab.end(process).status("one") == "aborted"
    assert engine.names() == []


def test_a_truth_value_is_a_pull_policy(lab: Any) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - {name: pulls, container: {image: "127.0.0.1:1/box:1", pullPolicy: true}, command: "true"}
          - {name: asks, container: {image: "127.0.0.1:1/box:1", pullPolicy: "false"}, command: "true"}
        """)
    assert "cannot pull" in ran.error("pulls") and "forbids to pull" in ran.error("asks")


def test_the_older_config_key_by_key(lab: Any, engine: Any) -> None:
    network = engine.api.create_network("older")["Id"]
    try:
        ran = lab.run("""
            type: graph
            steps:
              - name: made
                type: docker
                config:
                  image: box:1
                  containerName: older-one
                  platform: linux/amd64
                  pull: missing
                  autoRemove: true
                  workingDir: /bin
                  host: {networkMode: older}
                  network: {EndpointsConfig: {older: {Aliases: [a-name]}}}
                command: ["sh -c 'pwd; sleep 1'", hostname]
              - {name: foreign, type: docker, config: {image: box:1, platform: linux/s390x, pull: never}}
            """)
        assert ran.out("made").startswith("/bin\n") and ran.status("made") == "succeeded", ran.said
        assert "there is no image box:1" in ran.error("foreign")
    finally:
        engine.api.remove_network(network)


def test_a_dot_in_a_name_is_a_dot(lab: Any, engine: Any) -> None:
    """Whoever is merely similar is not worked in."""
    engine.run("axb", "sleep", "1000")
    try:
        ran = lab.run("""
            steps:
              - name: one
                type: docker
                config: {image: box:1, pull: never, containerName: a.b, autoRemove: true}
                command: readlink /proc/self/ns/uts
            """)
        pid = engine.api.inspect_container("axb")["State"]["Pid"]
        assert ran.out("one").startswith("uts:"), ran.said
        assert ran.out("one").strip() != os.readlink(f"/proc/{pid}/ns/uts")
    finally:
        engine.api.remove_container("axb", force=True)


def test_readiness_has_an_end(engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "READY", 0.5)
    _image(engine, "ill:1", Healthcheck={"Test": ["CMD", "false"], "Interval": 100_000_000, "Retries": 1})
    daemon, output = Daemon(), Output(tmp_path / "progress")
    made = engine.api.create_container("ill:1", ["sleep", "100"], name="ill")
    try:
        order = Order("kept", {}, str(tmp_path), "k")
        with pytest.raises(Trouble, match=r"container ill is created, not running, for 0\.5 s"):
            containers.existing(daemon, "ill")
        engine.api.start(made)
        for changes, said in (
            ({"wait_for": "healthy"}, "not ready within 0.5 s: it is not healthy"),
            ({"log_pattern": "never"}, "not ready within 0.5 s: its log does not match 'never'"),
        ):
            data = json.loads(json.dumps({**vars(order), **changes}))
            with pytest.raises(Trouble, match=said):
                containers.wait_until_ready(daemon, made["Id"], Order.of(data), output)
    finally:
        engine.api.remove_container("ill", force=True)
        daemon.api.close()
        daemon.patient.close()
