"""Images built on the fly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dagu_core.testing.requirements import require
from dagu_docker.buildkit import has_buildkit

HOW = "builder: buildkit, network: none"
BUILDKIT = "a `docker` with BuildKit: apt install docker.io or docker-buildx"


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


def test_a_context_begins_at_the_file_of_the_dag(lab: Any, context: Any) -> None:
    elsewhere = lab.root / "elsewhere"
    elsewhere.mkdir()
    ran = lab.run(f"""
        workingDir: {elsewhere}
        container: {{build: ./img}}
        type: graph
        steps:
          - {{name: shared, command: cat /data.txt}}
          - {{name: own, workingDir: /, container: {{build: img}}, command: cat /data.txt}}
        """)
    assert (ran.out("shared"), ran.out("own")) == ("one\n", "one\n"), ran.said
    assert "there is no folder" not in ran.said


def test_limits_of_the_operator(lab: Any, context: Any) -> None:
    # A reference, so that it is not told when the file is read.
    step = "{name: one, container: {build: '${WHERE}'}, command: 'true'}"
    text = f"env: [{{WHERE: ./img}}]\nsteps: [{step}]"
    lab.environ["DAGU_DOCKER_MAX_CONTEXT"] = "10"
    assert "more than docker.maxContext (10)" in lab.run(text).error("one")
    del lab.environ["DAGU_DOCKER_MAX_CONTEXT"]
    lab.environ["DAGU_DOCKER_BUILD_ROOTS"] = str(lab.root / "other")
    (lab.root / "other").mkdir()
    (lab.root / "other" / "link").symlink_to(lab.root / "img")
    sneaky = text.replace("./img", "./other/link")
    for each, name in ((text, "two"), (sneaky, "three")):
        assert "is outside of docker.buildRoots" in lab.run(each, name=name).error("one")
    # In a file they hold as well, whatever the DAG says of its environment.
    del lab.environ["DAGU_DOCKER_BUILD_ROOTS"]
    (lab.home / "config.yaml").write_text(f"docker: {{buildRoots: [{lab.root}/other]}}\n")
    lured = text.replace("env: [", f"env: [{{DAGU_HOME: {lab.root}/lure}}, ")
    assert "is outside of docker.buildRoots" in lab.run(lured, name="four").error("one")


def test_the_verb_removes_what_was_built(lab: Any, engine: Any, context: Any) -> None:
    build = "build: {context: img, policy: always, noCache: true, tag: 'etl:dev'}"
    text = f"steps: [{{name: one, container: {{{build}}}, command: 'true'}}]"
    assert lab.run(text).code == 0
    first = set(engine.built())
    assert "etl:dev" in first and len(first) == 2
    # A second build takes the names away from the first one.
    assert lab.call("start", str(lab.root / "flow.yaml"))[0] == 0
    assert len(engine.api.images(filters={"label": "dagu.build"})) == 2
    made = engine.api.create_container("etl:dev", ["true"], name="uses-it")
    said = lab.call("cleanup", "--images")[1]
    assert "removed sha256:" in said and "etl:dev" in said and ": a container uses it" in said
    assert set(engine.built()) == first
    engine.api.remove_container(made["Id"])
    assert "removed" not in lab.call("cleanup", "--images", "--older-than", "7d")[1]
    assert "would remove " in lab.call("cleanup", "--images", "--dry-run", "--older-than", "0.001s")[1]
    assert set(engine.built()) == first
    assert "removed " in lab.call("cleanup", "--images")[1] and engine.built() == {}
    assert lab.call("cleanup", "--images", "--older-than", "soon")[0] == 2
    engine.api.inspect_image("box:1")


def test_the_verb_keeps_images_of_active_runs(lab: Any, engine: Any, context: Any, wait: Any) -> None:
    process = lab.start("""
        steps:
          - {name: built, container: {build: img}, command: "true"}
          - {name: long, type: command, command: "echo line 3; sleep 600"}
        """)
    lab.until_written("long")
    ((name, _),) = engine.built().items()
    assert lab.call("cleanup", "--images")[1] == f"kept {name}: a run of flow is active\n"
    lab.call("stop", "flow")
    lab.end(process)
    assert lab.call("cleanup", "--images")[1] == f"removed {name}\n"


def _left(folder: Path, secret: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]


def test_build_secrets_are_seen_by_one_line_and_kept_nowhere(lab: Any, engine: Any, context: Any) -> None:
    require(has_buildkit(), BUILDKIT)
    (context / "Dockerfile").write_text("""\
FROM box:1
RUN test ! -e /run/secrets/TOKEN
RUN --mount=type=secret,id=TOKEN wc -c < /run/secrets/TOKEN > /size
RUN --mount=type=secret,id=FIXED cat /run/secrets/FIXED > /fixed
""")
    secret = lab.environ["SOME_TOKEN"] = 's3cret-token\nwith two lines, "x=y"'
    text = f"""
        secrets: [{{name: TOKEN, provider: env, key: SOME_TOKEN}}]
        steps:
          - name: one
            container:
              build: {{context: img, {HOW}, buildSecrets: {{TOKEN: "${{TOKEN}}", FIXED: 7}}}}
            command: cat /size /fixed
        """
    ran = lab.run(text)
    assert ran.out("one") == f"{len(secret)}\n7", ran.said
    ((name, image),) = engine.built().items()
    inside = json.dumps([engine.api.inspect_image(image), engine.api.history(image)])
    assert "s3cret" not in inside + ran.said + ran.err("one") and _left(lab.root, "s3cret") == []
    # Another value is no reason to build again.
    lab.environ["SOME_TOKEN"] = "other"
    assert lab.call("start", str(lab.root / "flow.yaml"))[0] == 0
    assert engine.built() == {name: image}


def test_keys_of_buildkit(lab: Any, engine: Any, context: Any) -> None:
    require(has_buildkit(), BUILDKIT)
    (context / "Dockerfile").write_text("""\
FROM box:1 AS base
ARG WORD
RUN --mount=type=cache,target=/kept echo "$WORD" >> /kept/words && cp /kept/words /words
FROM base AS never
RUN exit 1
""")
    ran = lab.run(f"""
        type: chain
        steps:
          - name: one
            container: {{build: {{context: img, {HOW}, target: base, tag: "kit:1", args: {{WORD: "a b"}}}}}}
            command: cat /words
          - name: two
            container:
              platform: linux/amd64
              build: {{context: img, {HOW}, target: base, args: {{WORD: c}}}}
            command: cat /words
          - name: three
            container:
              build: {{context: img, {HOW}, target: base, args: {{WORD: c}}, policy: always, noCache: true}}
            command: cat /words
        """)
    # Without the cache not even what a mount has kept is there.
    assert [ran.out(name) for name in ("one", "two", "three")] == ["a b\n", "a b\nc\n", "c\n"], ran.said
    assert "kit:1" in engine.built()


def test_without_buildkit_it_is_told_what_to_install(lab: Any, context: Any) -> None:
    lab.environ["PATH"] = str(lab.root)
    ran = lab.run(f"steps: [{{name: one, container: {{build: {{context: img, {HOW}}}}}, command: 'true'}}]")
    assert ran.step("one").exit_code == 125
    assert "no `docker` at all" in ran.error("one") and "install the buildx component" in ran.error("one")
