"""One container for a whole DAG, with the real command."""

from __future__ import annotations

from typing import Any

import pytest

BOX = "image: box:1, pullPolicy: never"


def test_steps_share_one_container_and_it_is_gone_afterwards(lab: Any, engine: Any) -> None:
    lab.base(f"container: {{{BOX}, env: [A: 1], volumes: ['./data:/data']}}")
    (lab.root / "data").mkdir()
    ran = lab.run("""
        type: graph
        env: [{OUTER: 1}]
        params: [{WHO: "a  b|c"}]
        handlerOn: {exit: {name: bye, command: hostname}}
        steps:
          - {name: a, command: hostname, output: NAME}
          - {name: b, command: hostname}
          - {name: c, command: hostname}
          - {name: d, command: [hostname, "sh -c 'echo two > /data/two'"]}
          - {name: env, env: [{STEP: 1}], command: env}
          - {name: host, type: command, command: cat /etc/hostname /proc/1/comm}
          - {name: words, command: "echo ${WHO} | cat `echo x y`"}
          - {name: told, depends: a, command: "echo ${NAME}"}
        """)
    assert ran.code == 0, ran.said
    name = ran.out("a")
    assert name == ran.out("b") == ran.out("c") == ran.out("d") == ran.out("onExit") == ran.out("told")
    assert "docker-init" not in ran.out("host")
    assert (lab.root / "data" / "two").read_text() == "two\n"
    assert ran.out("words") == "a  b|c | cat x y\n"
    inside = ran.out("env").split()
    assert "A=1" in inside and not [each for each in inside if each.startswith(("OUTER", "STEP", "WHO"))]


def test_gotcha_078_variables_enter_the_container_when_asked_for(lab: Any) -> None:
    ran = lab.run(f"""
        container: {{{BOX}, passEnv: true, env: {{A: inner}}}}
        env: [{{OUTER: x y}}]
        params: [WHO=w]
        steps:
          - {{name: env, env: [{{STEP: 1}}], command: env}}
        """)
    inside = ran.out("env").splitlines()
    assert {"OUTER=x y", "STEP=1", "WHO=w", "A=inner", "DAG_RUN_ID=r", "DAG_RUN_STEP_NAME=env"} <= set(inside)
    assert "HOME=/" in inside and not [each for each in inside if each.startswith(("DAGU_HOME", "PWD"))]


def test_gotcha_077_098_scripts_run_in_its_sh_and_programs_may_be_references(lab: Any) -> None:
    ran = lab.run(f"""
        container: {{{BOX}}}
        params: [TOOL=echo]
        steps:
          - {{name: script, script: "echo one | cat\\necho two"}}
          - {{name: lines, command: "echo one | cat\\necho two"}}
          - {{name: program, command: "${{TOOL}} x"}}
        """)
    assert ran.out("script") == ran.out("lines") == "one\ntwo\n"
    assert ran.out("program") == "x\n"


def test_gotcha_100_one_exit_code_for_retries_and_continue_on(lab: Any) -> None:
    ran = lab.run(f"""
        container: {{{BOX}}}
        type: graph
        steps:
          - name: retried
            command: sh -c 'test -e /tmp/once || {{ touch /tmp/once; exit 5; }}'
            retryPolicy: {{limit: 1, intervalSec: 0, exitCode: [5]}}
          - {{name: tolerated, command: "sh -c 'exit 5'", continueOn: {{exitCode: 5}}}}
          - {{name: nothing, command: nosuch, continueOn: failed}}
        """)
    assert ran.status("retried") == "succeeded"
    assert ran.status() == "partially_succeeded"
    assert "exit status 127" in ran.error("nothing") or "exit status 126" in ran.error("nothing")


def test_it_is_kept_when_asked_for_and_found_by_its_name(lab: Any, engine: Any) -> None:
    text = f"""
        container: {{{BOX}, name: of-the-dag, keepContainer: true}}
        steps: [{{name: one, command: "touch /tmp/here"}}]
        """
    try:
        assert lab.run(text).code == 0
        (kept,) = [each for each in engine.api.containers(all=True) if each["Names"] == ["/of-the-dag"]]
        assert kept["State"] == "exited"
        other = lab.run(text.replace("keepContainer: true", "keepContainer: false"), name="other")
        assert "container name of-the-dag is in use" in other.error("one"), other.said
    finally:
        engine.api.remove_container("of-the-dag", force=True)


@pytest.mark.parametrize("ready", ["logPattern: 'rea.y$'", "waitFor: healthy"])
def test_it_is_ready_before_the_first_command(lab: Any, engine: Any, ready: str) -> None:
    health = {"Test": ["CMD", "test", "-e", "/tmp/up"], "Interval": 200_000_000, "Retries": 100}
    made = engine.api.create_container("box:1", ["true"], name="template")
    engine.api.commit("template", "healthy", "1", conf={"Healthcheck": health, "Cmd": ["true"]})
    engine.api.remove_container(made["Id"])
    ran = lab.run(f"""
        container:
          image: healthy:1
          startup: command
          command: [sh, -c, "sleep 1; touch /tmp/up; echo ready; sleep 100"]
          {ready}
        steps: [{{name: one, command: "ls /tmp/up"}}]
        """)
    assert ran.code == 0, ran.said
    assert ran.out("one") == "/tmp/up\n"


def test_without_a_health_check_running_is_enough(lab: Any) -> None:
    ran = lab.run(f"""
        container: {{{BOX}, waitFor: healthy}}
        steps: [{{name: one, command: "true"}}]
        """)
    assert ran.code == 0 and "no health check" in ran.err("one")


def test_a_container_that_ends_before_it_is_ready_is_told(lab: Any, engine: Any) -> None:
    made = engine.api.create_container("box:1", ["true"], name="template")
    engine.api.commit("template", "ends", "1", conf={"Cmd": ["sh", "-c", "echo bad; exit 4"]})
    engine.api.remove_container(made["Id"])
    ran = lab.run("""
        container: {image: ends:1, startup: entrypoint, logPattern: never}
        steps: [{name: one, command: "true"}]
        """)
    assert ran.code == 1
    assert "ended with exit code 4" in ran.error("one") and "bad" in ran.error("one")


def test_a_stopped_step_leaves_the_container_to_the_handlers(lab: Any, engine: Any, wait: Any) -> None:
    process = lab.start(f"""
        maxCleanUpTimeSec: 5
        container: {{{BOX}}}
        handlerOn: {{abort: {{command: "sh -c 'ps | grep -c [s]leep.77; true'"}}}}
        steps:
          - {{name: long, command: "sh -c 'touch /tmp/begun; (sleep 77 &) ; sleep 77'"}}
        """)
    (found,) = wait(20, lambda: engine.api.containers(filters={"label": "dagu.dag=flow"}))
    wait(20, lambda: _top(engine, found["Id"], "sleep 77") >= 2)
    assert lab.call("stop", "flow")[0] == 0
    ran = lab.end(process)
    assert ran.status("long") == "aborted"
    # Not even what the command had put into the background goes on.
    assert ran.out("onCancel") == "0\n"


def _top(engine: Any, container: str, what: str) -> int:
    rows = engine.api.top(container)["Processes"]
    return sum(what in row[-1] for row in rows)


def test_ports_and_networks(lab: Any, engine: Any, wait: Any) -> None:
    import socket
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    network = engine.api.create_network("dagu-net")["Id"]
    try:
        process = lab.start(f"""
            container: {{{BOX}, network: dagu-net, ports: ["127.0.0.1:{port}:80"], volumes: [".:/www:ro"]}}
            steps: [{{name: one, command: "httpd -f -p 80 -h /www"}}]
            """)

        def answer() -> bytes:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/flow.yaml", timeout=2) as response:
                    return bytes(response.read())
            except OSError:
                return b""

        assert b"dagu-net" in wait(20, answer)
        lab.call("stop", "flow")
        assert lab.end(process).status("one") == "aborted"
    finally:
        engine.api.remove_network(network)
