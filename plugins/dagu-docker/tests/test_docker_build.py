"""Images built on the fly."""

from __future__ import annotations

from typing import Any


def test_tags_policies_and_text_in_the_file(lab: Any, engine: Any, context: Any) -> None:
    ran = lab.run("""
        type: chain
        steps:
          - name: inline
            container:
              image: etl:dev
              build:
                context: img
                dockerfileInline: |
                  FROM box:1
                  COPY data.txt /inline
                tag: etl:more
            command: cat /inline
          - name: missing
            container: {image: "etl:dev", build: {context: img, policy: missing}}
            command: ls /inline
          - name: always
            type: docker
            config: {autoRemove: true, build: {context: img, policy: always, noCache: true}}
            command: cat /extra
          - name: always2
            container: {build: {context: img, policy: always}}
            command: cat /extra
        """)
    assert (ran.out("inline"), ran.out("missing"), ran.out("always")) == ("one\n", "/inline\n", "extra\n")
    assert "building" in ran.err("always2") and "building" not in ran.err("missing")
    assert {"etl:dev", "etl:more"} <= set(engine.built())


WRONG = {
    "syntax": ('{context: img, dockerfileInline: "FRM box:1"}', "unknown instruction: FRM"),
    "command": ('{context: img, dockerfileInline: "FROM box:1\\nRUN echo last words; exit 3"}', "last words"),
    "folder": ("{context: nowhere}", "there is no folder"),
    "file": ("{context: img, dockerfile: Nofile}", "there is no file"),
    "stage": ("{context: img, target: nothing}", "nothing"),
    "time": (
        '{context: img, timeout: 1s, dockerfileInline: "FROM box:1\\nRUN sleep 60"}',
        "within 1 s (build.timeout)",
    ),
}


def test_a_build_that_fails(lab: Any, engine: Any, context: Any, wait: Any) -> None:
    steps = [
        f"  - {{name: {name}, container: {{build: {build}}}, command: 'true', continueOn: failed}}"
        for name, (build, _) in WRONG.items()
    ]
    ran = lab.run("\n".join(["type: graph", "steps:", *steps]))
    for name, (_, said) in WRONG.items():
        assert (ran.status(name), ran.step(name).exit_code) == ("failed", 125)
        assert said in ran.error(name)
    assert "there is no folder" in ran.said.split("Step started")[0]  # told when the file was read
    wait(15, lambda: engine.names() == [])


def test_limits_of_the_operator(lab: Any, context: Any) -> None:
    text = "steps: [{name: one, container: {build: ./img}, command: 'true'}]"
    lab.environ["DAGU_DOCKER_MAX_CONTEXT"] = "10"
    assert "more than docker.maxContext (10)" in lab.run(text).error("one")
    del lab.environ["DAGU_DOCKER_MAX_CONTEXT"]
    lab.environ["DAGU_DOCKER_BUILD_ROOTS"] = str(lab.root / "other")
    (lab.root / "other").mkdir()
    (lab.root / "other" / "link").symlink_to(lab.root / "img")
    sneaky = text.replace("./img", "./other/link")
    for each, name in ((text, "two"), (sneaky, "three")):
        assert "is outside of docker.buildRoots" in lab.run(each, name=name).error("one")


def test_the_verb_removes_what_was_built(lab: Any, engine: Any, context: Any) -> None:
    assert lab.run("steps: [{name: one, container: {build: ./img}, command: 'true'}]").code == 0
    ((name, _),) = engine.built().items()
    made = engine.api.create_container(name, ["true"], name="uses-it")
    assert f"kept {name}" in lab.call("docker-cleanup")[1]
    engine.api.remove_container(made["Id"])
    assert "removed" not in lab.call("docker-cleanup", "--older-than", "7d")[1]
    assert f"would remove {name}" in lab.call("docker-cleanup", "--dry-run", "--older-than", "0.001s")[1]
    assert (lab.call("docker-cleanup")[1], engine.built()) == (f"removed {name}\n", {})
    assert lab.call("docker-cleanup", "--older-than", "soon")[0] == 2
    engine.api.inspect_image("box:1")
