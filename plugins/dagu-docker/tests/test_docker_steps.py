"""Containers of single steps, and other people's containers, with the real command."""

from __future__ import annotations

import json
from typing import Any

BOX = "image: box:1, pullPolicy: never"


def test_gotcha_076_the_pipe_is_an_argument_of_the_entrypoint(lab: Any, engine: Any) -> None:
    made = engine.api.create_container("box:1", ["true"], name="template")
    conf = {"Entrypoint": ["echo", "entry:"], "Cmd": ["default"]}
    engine.api.commit("template", "entry", "1", conf=conf)
    engine.api.remove_container(made["Id"])
    ran = lab.run("""
        type: graph
        steps:
          - {name: own, container: {image: entry:1}, command: "a 'b  c' | d && e"}
          - {name: default, container: {image: entry:1}}
          - {name: argv, container: {image: entry:1}, exec: [a, "$HOME is", "x | y"]}
        """)
    assert ran.out("own") == "entry: a b  c | d && e\n"
    assert ran.out("default") == "entry: default\n"
    assert ran.out("argv") == f"entry: a {lab.root} is x | y\n"


def test_a_value_is_never_code_of_a_script(lab: Any) -> None:
    ran = lab.run("""
        type: graph
        params: [{P: "a'b \\"c\\" $(echo evil); d"}]
        env: [{E: 'of $(echo evil)'}]
        steps:
          - name: several-lines
            container: {image: box:1, pullPolicy: never, env: [{OWN: theirs}]}
            command: |
              true
              printf '<%s>' "$P" "x${E}" "${P#?}" "$OWN" "${HOME}" "${NOBODY_KNOWS:-none}"
          - name: script
            container: {image: box:1, pullPolicy: never}
            script: printf '<%s>' "$P" "${several-lines}"
          - name: old-form
            type: docker
            config: {image: box:1, pull: never, autoRemove: true}
            script: printf '<%s>' "$P"
        """)
    given = 'a\'b "c" $(echo evil); d'
    assert ran.out("several-lines") == f"<{given}><xof $(echo evil)><{given[1:]}><theirs></><none>"
    assert ran.out("script").startswith(f"<{given}>")
    assert ran.out("old-form") == f"<{given}>"


def test_every_key_reaches_the_engine(lab: Any, engine: Any) -> None:
    lab.environ["DAG_SECRET_TEXT"] = "it's a  secret"
    ran = lab.run("""
        type: graph
        steps:
          - name: one
            env: [{A: step}, {B: step}]
            container:
              image: box:1
              pull_policy: false
              name: with-a-name
              env: [{A: container}, "C=x=y", {D: "${DAG_SECRET_TEXT}"}]
              volumes: ["./here:/in:ro", "~/:/home", named:/vol]
              ports: [80, "8080:81", "127.0.0.1:8082:82/udp"]
              network: none
              user: "1000:1001"
              workDir: /tmp
              platform: linux/amd64
              restartPolicy: no
              keepContainer: true
            command: >-
              sh -c "id -u; id -g; pwd; cat /in/file; echo \\$A \\$B \\$C; printf %s \\"\\$D\\"; touch /in/x"
            continueOn: failed
        """)
    try:
        lines = ran.out("one").splitlines()
        assert lines == ["1000", "1001", "/tmp", "container step x=y", "it's a  secret"]
        assert "Read-only" in ran.err("one") and "can't open '/in/file'" in ran.err("one")
        found = engine.api.inspect_container("with-a-name")
        host = found["HostConfig"]
        assert host["Binds"] == [f"{lab.root}/here:/in:ro", f"{lab.root}:/home", "named:/vol"]
        assert host["PortBindings"] == {
            "80/tcp": [{"HostIp": "", "HostPort": ""}],
            "81/tcp": [{"HostIp": "", "HostPort": "8080"}],
            "82/udp": [{"HostIp": "127.0.0.1", "HostPort": "8082"}],
        }
        assert (host["NetworkMode"], host["RestartPolicy"]["Name"], host["Init"]) == ("none", "no", True)
        assert found["Config"]["Labels"]["dagu.step"] == "one"
        assert found["State"]["Status"] == "exited"
    finally:
        engine.api.remove_container("with-a-name", force=True)
        engine.api.remove_volume("named")


def test_several_commands_share_a_container_until_one_fails(lab: Any) -> None:
    ran = lab.run(f"""
        steps:
          - name: one
            container: {{{BOX}}}
            command: ["sh -c 'echo 1; touch /tmp/x'", ls /tmp, "sh -c 'echo oops >&2; exit 4'", echo never]
        """)
    assert ran.out("one") == "1\nx\n"
    assert "command 3 failed: exit status 4" in ran.error("one") and "oops" in ran.error("one")


WRONG = {
    "missing": ("{image: 'nope:1', pullPolicy: never}", "there is no image nope:1 here", 125),
    "unpulled": ("{image: '127.0.0.1:1/nope:1'}", "cannot pull 127.0.0.1:1/nope:1: ", 125),
    "foreign": ("{image: 'box:1', platform: linux/arm64, pullPolicy: never}", "there is no image box:1", 125),
    "target": ("nobody", "there is no container nobody to work in; start it first", 125),
    "taken": ("{image: 'box:1', name: taken}", "the container name taken is in use", 125),
    "program": ("{image: 'box:1', init: false}", 'exec: "nosuch": executable file not found', 127),
    "folder": ("{image: 'box:1', init: false, workingDir: /bin/sh}", "not a directory", 125),
    "volume": ("{image: 'box:1', volumes: ['${BAD}']}", "container.volumes[0]: 'x': the target must be", 1),
    "port": ("{image: 'box:1', ports: ['9999${BAD}']}", "container.ports[0]: '9999x' is no port", 1),
    "network": ("{image: 'box:1', network: nowhere}", "network nowhere not found", 125),
}


def test_X06_what_goes_wrong_is_told(lab: Any, engine: Any) -> None:
    engine.run("taken", "sleep", "100")
    steps = [
        f"  - {{name: {name}, container: {container}, command: nosuch, continueOn: failed}}"
        for name, (container, _, _) in WRONG.items()
    ]
    ran = lab.run("\n".join(["type: graph", "env: [{BAD: x}]", "steps:", *steps]))
    engine.api.remove_container("taken", force=True)
    for name, (_, said, code) in WRONG.items():
        assert said in ran.error(name)
        assert ran.step(name).exit_code == code, name
    assert "Traceback" not in ran.said


def test_without_an_engine_it_says_where_it_looked_and_retries(lab: Any) -> None:
    lab.environ["DOCKER_HOST"] = f"unix://{lab.root}/nobody.sock"
    ran = lab.run(f"""
        steps:
          - name: one
            container: {{{BOX}}}
            command: "true"
            retryPolicy: {{limit: 1, intervalSec: 0}}
        """)
    error = ran.error("one")
    assert f"unavailable: no Docker engine at unix://{lab.root}/nobody.sock: No such file" in error
    assert "left behind" not in ran.err("one")
    assert "correct DOCKER_HOST" in error and ran.step("one").retry_count == 1


def test_commands_in_a_container_that_runs(lab: Any, engine: Any) -> None:
    engine.run("theirs", "sleep", "1000")
    try:
        ran = lab.run("""
            type: graph
            steps:
              - {name: short, container: theirs, command: [hostname, env], env: [{A: step}]}
              - name: long
                container: {exec: theirs, user: "7:8", workingDir: /tmp, env: {A: own}}
                env: [{A: step}]
                command: sh -c "id -u; pwd; echo \\$A"
              - name: legacy
                type: docker
                config: {containerName: theirs, exec: {user: "9", workingDir: /bin, env: [B=b]}}
                command: sh -c "id -u; pwd; echo \\$B"
            """)
        assert ran.code == 0, ran.said
        assert "A=step" in ran.out("short").split()
        assert ran.out("long") == "7\n/tmp\nown\n"
        assert ran.out("legacy") == "9\n/bin\nb\n"
        assert engine.api.inspect_container("theirs")["State"]["Running"]
    finally:
        engine.api.remove_container("theirs", force=True)


def test_it_waits_for_a_container_that_is_started_meanwhile(lab: Any, engine: Any, wait: Any) -> None:
    host = engine.api.create_host_config(init=True)
    late = engine.api.create_container("box:1", ["sleep", "100"], name="late", host_config=host)
    try:
        process = lab.start("""
            steps: [{name: one, container: late, command: hostname}]
            """)
        wait(20, lambda: len(lab.processes()) >= 3)
        engine.api.start(late["Id"])
        assert lab.end(process).out("one").strip() == late["Id"][:12]
    finally:
        engine.api.remove_container("late", force=True)


def test_the_older_config_with_raw_objects(lab: Any, engine: Any) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - name: raw
            executor:
              type: docker
              config:
                image: box:1
                pull: false
                containerName: raw
                workingDir: /tmp
                volumes: ["./x:/x"]
                container: {env: [A=raw], user: "5"}
                host: {memory: 67108864, binds: ["/proc:/host-proc"], capDrop: [ALL]}
            env: [{A: step}, {B: step}]
            command: sh -c "id -u; pwd; echo \\$A \\$B"
        """)
    try:
        assert ran.out("raw") == "5\n/tmp\nraw step\n"
        # Kept, because `autoRemove` is not set.
        host = engine.api.inspect_container("raw")["HostConfig"]
        assert (host["Memory"], host["CapDrop"]) == (67108864, ["ALL"])
        assert host["Binds"] == ["/proc:/host-proc", f"{lab.root}/x:/x"]
    finally:
        engine.api.remove_container("raw", force=True)


def test_a_command_in_somebody_elses_container_is_ended_with_all_it_started(
    lab: Any, engine: Any, wait: Any
) -> None:
    theirs = engine.run("theirs", "sleep", "1000")

    def sleeping() -> int:
        return sum("sleep 77" in row[-1] for row in engine.api.top(theirs)["Processes"])

    try:
        for command, grace in (
            ("(sleep 77 &) ; sleep 77", 5),
            ("trap : TERM; (sleep 77 &); sleep 77; sleep 77", 1),
        ):
            process = lab.start(f"""
                maxCleanUpTimeSec: {grace}
                steps:
                  - {{name: one, container: {{exec: theirs, user: "65534"}}, command: ["sh -c '{command}'"]}}
                """)
            wait(20, lambda: sleeping() >= 2)
            lab.call("stop", "flow")
            assert lab.end(process).status("one") == "aborted"
            assert sleeping() == 0
            lab = type(lab)(lab.root / "again", lab.environ, lab.begun)
            lab.root.mkdir(exist_ok=True)
    finally:
        engine.api.remove_container("theirs", force=True)


def test_a_problem_is_found_when_the_file_is_read(lab: Any) -> None:
    lab.write("""
        container: {image: box:1, imag: x}
        steps:
          - {name: a, container: {image: i, exec: e}, command: x}
          - {name: b, container: {exec: e, volumes: [a:/b]}, command: x}
          - {name: c, container: {}, command: x}
          - {name: d, type: command, container: {image: i}, command: x}
          - {name: e, container: {image: i, pullPolicy: sometimes}, command: x}
          - {name: f, type: docker, shell: bash, config: {image: i}, command: x}
        """)
    code, said = lab.call("validate", str(lab.root / "flow.yaml"))
    assert code == 1
    for words in (
        "imag",
        "'exec' and 'image' are mutually exclusive",
        "fields [volumes] cannot be used with 'exec'",
        "either 'exec', 'image' or 'build' must be specified",
        'executor type "command" does not support container field',
        "must be always, never, missing, true or false",
        "does not support shell field",
    ):
        assert words in said, words


def test_json_output_can_be_captured(lab: Any) -> None:
    ran = lab.run(f"""
        steps:
          - {{name: a, container: {{{BOX}}}, command: "echo '{{\\"n\\": 1}}'", output: J}}
          - {{name: b, container: {{{BOX}}}, command: "echo ${{J.n}} '${{J}}'"}}
        """)
    assert ran.out("b") == f"1 {json.dumps({'n': 1})}\n"
