"""Part 15 of the plan, line by line, with each of the builders."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require
from dagu_docker.buildkit import has_buildkit


@pytest.fixture(params=["classic", "buildkit"])
def builder(request: pytest.FixtureRequest) -> str:
    """A builder, as it stands under `build`; the engine of the tests has no network for RUN lines."""
    if request.param == "buildkit":
        require(has_buildkit(), "a `docker` with BuildKit: apt install docker.io or docker-buildx")
    return f"builder: {request.param}, network: none"


def _alive(words: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes().replace(b"\0", b" ").strip() == words.encode():
                found.append(entry.parent.name)
    return found


def test_e1_the_output_comes_from_the_image_that_was_built(
    lab: Any, engine: Any, context: Any, builder: str
) -> None:
    ran = lab.run(
        f"""
        container:
          build: {{context: img, args: {{WORD: "${{W}} x"}}, target: base, {builder}}}
        params: [{{W: hello}}]
        steps: [{{name: one, command: cat /word /data.txt}}, {{name: two, command: ls /extra}}]
        """,
        name="first",
    )
    assert ran.out("one") == "hello x\none\n", ran.said
    assert "building dagu-build/first:" in ran.err("one") and "RUN echo" in ran.err("one")
    assert "building" not in ran.err("two") and ran.status("two") == "failed"
    ((_, image),) = engine.built().items()
    labels = engine.api.inspect_image(image)["Config"]["Labels"]
    assert (labels["dagu.dag"], labels["dagu.run"]) == ("first", "r")
    assert len(labels["dagu.build"]) == 16


def test_e2_it_is_built_when_something_changed(lab: Any, engine: Any, context: Any, builder: str) -> None:
    text = (
        f"steps: [{{name: one, container: {{build: {{context: img, {builder}}}}}, command: cat /data.txt}}]"
    )
    assert lab.run(text).out("one") == "one\n"
    before = engine.built()
    assert len(before) == 1

    # Neither the same again, nor a change in what is ignored, is a reason to build.
    (context / "noise.log").write_text("x")
    (context / "secret" / "hidden").write_text("x")
    assert lab.call("start", "--run-id", "r2", str(lab.root / "flow.yaml"))[0] == 0
    assert engine.built() == before

    for number, change in enumerate(("data.txt", "secret/kept")):
        (context / change).write_text("two\n")
        assert lab.call("start", "--run-id", f"x{number}", str(lab.root / "flow.yaml"))[0] == 0
        assert len(engine.built()) == len(before) + number + 1
    assert before.items() <= engine.built().items()


def test_e3_a_mistake_is_told_with_the_last_lines_and_125(
    lab: Any, engine: Any, context: Any, builder: str
) -> None:
    (context / "Syntax").write_text("FRM box:1\n")
    (context / "Fails").write_text("FROM box:1\nRUN for i in $(seq 40); do echo line-$i; done; exit 3\n")
    ran = lab.run(f"""
        type: graph
        steps:
          - name: syntax
            container: {{build: {{context: img, dockerfile: Syntax, {builder}}}}}
            command: touch /out/made
            continueOn: failed
          - name: fails
            container: {{build: {{context: img, dockerfile: Fails, {builder}}}}}
            command: touch /out/made
        """)
    assert [ran.step(name).exit_code for name in ("syntax", "fails")] == [125, 125]
    assert "unknown instruction: FRM" in ran.error("syntax")
    assert "line-40" in ran.error("fails") and "line-19" not in ran.error("fails")
    assert "line-1\n" in ran.err("fails") and (engine.names(), engine.built()) == ([], {})


def test_e4_ten_steps_with_one_context_build_once(lab: Any, engine: Any, context: Any, builder: str) -> None:
    steps = "\n".join(
        f"  - {{name: s{number}, container: {{build: {{context: ./img, {builder}}}}}, command: cat /extra}}"
        for number in range(10)
    )
    ran = lab.run(f"type: graph\nsteps:\n{steps}")
    assert ran.code == 0, ran.said
    assert sum("building dagu-build/" in ran.err(f"s{number}") for number in range(10)) == 1
    assert len(engine.built()) == 1


def test_e5_a_stop_ends_the_build_within_the_grace(
    lab: Any, engine: Any, context: Any, builder: str, wait: Any
) -> None:
    (context / "Dockerfile").write_text("FROM box:1\nRUN sleep 6017\n")
    process = lab.start(f"""
        maxCleanUpTimeSec: 20
        steps: [{{name: one, container: {{build: {{context: img, {builder}}}}}, command: "true"}}]
        """)
    wait(30, lambda: _alive("sleep 6017"))
    began = time.monotonic()
    lab.call("stop", "flow")
    assert lab.end(process).status("one") == "aborted"
    assert time.monotonic() - began < 20
    wait(20, lambda: not _alive("sleep 6017") and engine.names() == [])
    assert engine.built() == {}


def test_the_time_limit_ends_the_build(lab: Any, engine: Any, context: Any, builder: str, wait: Any) -> None:
    (context / "Dockerfile").write_text("FROM box:1\nRUN sleep 6018\n")
    ran = lab.run(f"""
        steps:
          - {{name: one, container: {{build: {{context: img, timeout: 4s, {builder}}}}}, command: "true"}}
        """)
    assert "could not be built within 4 s (build.timeout)" in ran.error("one")
    assert ran.step("one").exit_code == 125
    wait(20, lambda: not _alive("sleep 6018") and engine.names() == [])


SECRET = """
    secrets: [{{name: TOKEN, provider: env, key: SOME_TOKEN}}]
    env: [{{HEADER: "Bearer ${{TOKEN}}"}}]
    steps:
      - {{name: one, container: {{build: {{context: img, {how}}}}}, command: "true"}}
    """


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("args.T", 'args: {T: "x-${TOKEN}"}'),
        ("Args.T", 'Args: {T: "$HEADER"}'),
        ("dockerfile_inline", 'dockerfile_inline: "FROM box:1\\nENV T=${TOKEN}"'),
    ],
)
def test_e6_a_secret_never_becomes_part_of_an_image(
    lab: Any, engine: Any, context: Any, where: str, how: str
) -> None:
    lab.write(SECRET.format(how=how))
    _, said = lab.call("validate", str(lab.root / "flow.yaml"))
    assert f"D151 step one: container.build.{where}: the secret TOKEN would be readable" in said
    assert "flow.yaml:1:1:" not in said
    assert "buildSecrets" in said
    lab.environ["SOME_TOKEN"] = "s3cret-token"
    code, said = lab.call("start", str(lab.root / "flow.yaml"))
    assert code == 1 and "D151" in said and engine.built() == {}


def test_e7_without_an_engine_it_is_unavailable_and_tried_again(lab: Any, context: Any, builder: str) -> None:
    lab.environ["DOCKER_HOST"] = f"unix://{lab.root}/nobody.sock"
    ran = lab.run(f"""
        steps:
          - name: one
            container: {{build: {{context: img, {builder}}}}}
            command: "true"
            retryPolicy: {{limit: 1, intervalSec: 0}}
        """)
    assert f"unavailable: no Docker engine at unix://{lab.root}/nobody.sock" in ran.error("one")
    assert (ran.step("one").retry_count, ran.step("one").exit_code) == (1, 125)
