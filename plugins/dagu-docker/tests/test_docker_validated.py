"""What is told about containers before anything runs, as `validate` tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core import Problem
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_docker import plugin


def told(text: str, path: str = "/nowhere/flow.yaml", base: str = "") -> list[Problem]:
    """Every finding about a file over its base config."""
    host = PluginHost.load(discover=False, plugins=[plugin])
    try:
        found = read_definition(text, path=path, base=base, vocabulary=host.catalog.vocabulary)
    except InvalidDefinition as error:
        return list(error.problems)
    return [*found.warnings, *(each for one in map(host.lint, found.plans, found.places) for each in one)]


def errors(text: str, base: str = "") -> list[str]:
    return [each.message for each in told(text, base=base) if each.severity == "error"]


@pytest.mark.parametrize("working_dir", ["", "workingDir: /tmp\n", "workingDir: ${HOME}\n"])
def test_a_context_that_is_not_there_is_told(tmp_path: Path, working_dir: str) -> None:
    (tmp_path / "img").mkdir()
    text = working_dir + "steps: [{container: {build: ./img}}, {container: {build: {context: ./nope}}}]"
    (found,) = told(text, path=str(tmp_path / "flow.yaml"))
    assert (found.code, found.severity) == ("D152", "warning")
    line = 2 if working_dir else 1
    assert (found.place.line, found.place.column) == (line, 68)
    assert f"there is no folder {tmp_path}/nope" in found.message
    assert not told(working_dir + "steps: [{container: {build: '${WHERE}'}}]")


def test_what_only_the_run_knows_waits() -> None:
    config = "{containerName: c, host: '${HOST}', exec: '${EXEC}'}"
    assert not told(f"steps: [{{type: docker, config: {config}, command: x}}]")


def test_the_home_of_somebody_who_is_not_here() -> None:
    (found,) = told("steps: [{container: {build: ~nobody-here/img}}]")
    assert (found.code, found.severity) == ("D152", "warning") and "~nobody-here/img" in found.message


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('container: {image: i, ports: ["80:x"]}', "`container.ports[0]`: '80:x' is no port"),
        ('container: {image: i, ports: [80, "99999:1"]}', "`container.ports[1]`: '99999:1' is no port"),
        ("container: {image: i, volumes: [nodest]}", "`container.volumes[0]`: 'nodest': the target must be"),
        ('container: {image: i, volumes: ["~nobody-here/a:/b"]}', "no home folder ~nobody-here here"),
        ("type: docker", "a docker step needs `container`, or `config`"),
        ("container: {image: i}, config: {image: i}", "either `container` or `config`, not both"),
        ("type: docker, config: {image: i, host: {memoryy: 1}}", "unknown key 'memoryy'; did you mean"),
        ("type: docker, config: {image: i, volumes: [a]}", "`config.volumes[0]`: 'a': the target must be"),
        ("container: {exec: db}", "it needs a command"),
        ("container: db", "it needs a command"),
    ],
)
def test_a_step_that_can_never_run_is_refused(step: str, said: str) -> None:
    (found,) = errors(f"steps: [{{name: one, {step}}}]")
    assert said in found


def test_a_step_in_the_container_of_the_dag_needs_a_command() -> None:
    (found,) = errors("container: {image: i}\nsteps: [{name: one, type: docker}]")
    assert "step one" in found and "needs a command" in found


@pytest.mark.parametrize(
    "step",
    [
        "container: {image: i}",
        "type: docker, config: {containerName: c}",
        "type: docker, config: {image: i, host: {MEMORY: 1, cap_add: [X]}}",
        'container: {image: i, ports: ["${P}:80"], volumes: ["${V}"]}',
        "container: {exec: db}, script: date",
        "container: {exec: db, image: '', keepContainer: false}, command: date",
    ],
)
def test_what_may_run_is_not_refused(step: str) -> None:
    assert errors(f"steps: [{{name: one, {step}}}]") == []
