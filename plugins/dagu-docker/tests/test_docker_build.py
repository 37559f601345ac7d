"""Images built on the fly."""

from __future__ import annotations

import time
from typing import Any

import pytest

DOCKERFILE = """\
FROM box:1 AS base
ARG WORD=default
COPY data.txt /data.txt
RUN echo "$WORD" > /word
FROM base AS extra
RUN echo extra > /extra
"""


@pytest.fixture
def context(lab: Any, engine: Any) -> Any:
    folder = lab.root / "img"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "data.txt").write_text("one\n")
    (folder / ".dockerignore").write_text("*.log\nsecret/*\n!secret/kept\n")
    (folder / "secret").mkdir()
    (folder / "secret" / "kept").write_text("")
    yield folder
    for image in engine.api.images(filters={"label": "dagu.build"}):
        engine.api.remove_image(image["Id"], force=True)


def built(engine: Any) -> dict[str, str]:
    """Name and id of every image that was built."""
    images = engine.api.images(filters={"label": "dagu.build"})
    return {tag: image["Id"] for image in images for tag in image["RepoTags"] or () if tag != "<none>:<none>"}


def test_a_build_replaces_the_image_and_is_done_when_something_changed(
    lab: Any, engine: Any, context: Any
) -> None:
    text = """
        container:
          build: {context: img, args: {WORD: "${W}"}, target: base}
        params: [{W: hello}]
        steps: [{name: one, command: cat /word /data.txt}]
        """
    first = lab.run(text, name="first")
    assert first.out("one") == "hello\none\n", first.said
    assert "building dagu-build/first:" in first.err("one") and "Step 2/" in first.err("one")
    ((name, image),) = built(engine).items()
    labels = engine.api.inspect_image(image)["Config"]["Labels"]
    assert (labels["dagu.dag"], labels["dagu.run"]) == ("first", "r")

    # Neither the same again, nor a change in what is ignored, is a reason to build.
    (context / "noise.log").write_text("x")
    (context / "secret" / "hidden").write_text("x")
    again = lab.call("start", "--run-id", "r2", str(lab.root / "first.yaml"))
    assert again[0] == 0 and built(engine) == {name: image}

    for change in (
        lambda: (context / "data.txt").write_text("two\n"),
        lambda: (context / "secret" / "kept").write_text("x"),
    ):
        before = built(engine)
        change()
        lab.call("start", "--run-id", f"r{len(before)}x", str(lab.root / "first.yaml"))
        assert len(built(engine)) == len(before) + 1


def test_ten_steps_with_one_context_build_once(lab: Any, engine: Any, context: Any) -> None:
    steps = "\n".join(
        f"  - {{name: s{number}, container: {{build: ./img}}, command: cat /extra}}" for number in range(10)
    )
    ran = lab.run(f"type: graph\nsteps:\n{steps}")
    assert ran.code == 0, ran.said
    assert sum("building dagu-build/" in ran.err(f"s{number}") for number in range(10)) == 1
    assert len(built(engine)) == 1


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
    assert {"etl:dev", "etl:more"} <= set(built(engine))


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


def test_a_stop_ends_the_build_and_leaves_nothing(lab: Any, engine: Any, context: Any, wait: Any) -> None:
    process = lab.start("""
        maxCleanUpTimeSec: 3
        steps:
          - name: one
            container: {build: {context: img, dockerfileInline: "FROM box:1\\nRUN sleep 60"}}
            command: "true"
        """)
    wait(20, lambda: engine.api.containers())  # that of the RUN line
    began = time.monotonic()
    lab.call("stop", "flow")
    assert lab.end(process).status("one") == "aborted"
    assert time.monotonic() - began < 5
    wait(15, lambda: engine.names() == [])


def test_a_secret_never_becomes_a_build_argument(lab: Any, engine: Any, context: Any) -> None:
    lab.write("""
        secrets: [{name: TOKEN, provider: env, key: SOME_TOKEN}]
        steps:
          - {name: one, container: {build: {context: img, args: {T: "x-${TOKEN}"}}}, command: "true"}
        """)
    _, said = lab.call("validate", str(lab.root / "flow.yaml"))
    assert "D151" in said and "build.args.T: the secret TOKEN" in said
    lab.environ["SOME_TOKEN"] = "s3cret-token"
    code, said = lab.call("start", str(lab.root / "flow.yaml"))
    assert code == 1 and "D151" in said and built(engine) == {}


def test_the_verb_removes_what_was_built(lab: Any, engine: Any, context: Any) -> None:
    assert lab.run("steps: [{name: one, container: {build: ./img}, command: 'true'}]").code == 0
    ((name, _),) = built(engine).items()
    made = engine.api.create_container(name, ["true"], name="uses-it")
    assert f"kept {name}" in lab.call("docker-cleanup")[1]
    engine.api.remove_container(made["Id"])
    assert "removed" not in lab.call("docker-cleanup", "--older-than", "7d")[1]
    assert f"would remove {name}" in lab.call("docker-cleanup", "--dry-run", "--older-than", "0.001s")[1]
    assert (lab.call("docker-cleanup")[1], built(engine)) == (f"removed {name}\n", {})
    assert lab.call("docker-cleanup", "--older-than", "soon")[0] == 2
    engine.api.inspect_image("box:1")
