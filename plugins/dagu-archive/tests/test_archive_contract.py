"""`archive` keeps what every step type must; what its steps are inside a run."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

import dagu_archive.plugin
from dagu_archive.executor import ArchiveExecutor
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.harness import NAME, StepResult, offering, run_step


class TestArchive(ExecutorContract):
    """The inherited suite. `archive` writes a summary only, so it has no `printing_step`."""

    executor = ArchiveExecutor
    heavy = ("tarfile", "zipfile", "zstandard", "py7zr", "pyzipper")

    def good_step(self) -> Step:
        (self.folder / "a").touch()
        return self._step("create", source=str(self.folder / "a"), destination=str(self.folder / "x.tar"))

    def failing_step(self) -> Step:
        return self._step("extract", source=str(self.folder / "none.tar"))

    def long_step(self) -> Step:
        return self._create(500 << 30)

    def leaking_step(self, reference: str) -> Step:
        return self._step("list", source=reference)

    def _create(self, size: int) -> Step:
        with (self.folder / "big").open("wb") as file:
            file.truncate(size)
        source, destination = str(self.folder / "big"), str(self.folder / "new/x.tar.gz")
        return self._step("create", source=source, destination=destination)

    def _step(self, command: str, **config: Any) -> Step:
        return {"type": "archive", "command": command, "config": config}

    def test_nothing_is_left_of_a_stopped_step(self) -> None:
        result = self.run_step(self.long_step(), stop_after=0.5)
        assert result.status == "aborted"
        assert sorted(path.name for path in self.folder.iterdir() if path.name != "home") == ["big"]

    def test_an_attempt_is_found_again_after_the_engine_was_killed(self) -> None:
        """What is done once is the archive, not a line in a file."""
        view = self._killed(self._create(300 << 20))
        step = view.steps[view.plan.by_name[NAME]]
        assert (step.status.label, step.error, step.attempts) == ("succeeded", "", 1)
        with tarfile.open(self.folder / "new/x.tar.gz") as tar:
            assert [member.size for member in tar] == [300 << 20]
        assert os.listdir(self.folder / "new") == ["x.tar.gz"]


PLUGINS = (offering(ArchiveExecutor),)


def _run(step: dict[str, Any], **more: Any) -> StepResult:
    return run_step({"type": "archive", **step}, plugins=PLUGINS, **more)


def test_paths_are_relative_to_the_folder_of_the_dag(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a").write_text("a")
    dag = {"workingDir": str(tmp_path), "params": [{"OUT": "made"}, {"LEVEL": 3}]}
    config = {"source": "src", "destination": "${OUT}/x.tar.gz", "compressionLevel": "${LEVEL}"}
    result = _run({"command": "create", "config": config, "output": "SUMMARY"}, dag=dag)
    assert json.loads(result.stdout)["destination"] == "made/x.tar.gz"
    assert (tmp_path / "made/x.tar.gz").exists()


def test_the_exit_code_says_what_went_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 this is no archive")
    step = {"command": "extract", "config": {"source": str(tmp_path / "bad.zip")}}
    result = _run(step)
    assert (result.status, result.step.exit_code) == ("failed", 12)
    assert "bad.zip is damaged or not zip" in result.step.error


def test_a_password_is_in_no_file_that_stays_and_in_no_argument(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    config = {"source": "a", "destination": "x.zip", "password": "${PASSWORD}"}
    result = _run(
        {"command": "create", "config": config},
        dag={
            "workingDir": str(tmp_path),
            "secrets": [{"name": "PASSWORD", "provider": "env", "key": "SOURCE"}],
        },
        environ={"SOURCE": "open-sesame-42"},
        secrets=["open-sesame-42"],
    )
    assert result.status == "succeeded" and result.leaks == ()
    assert json.loads(result.stdout)["filesAdded"] == 1


@pytest.mark.parametrize(
    ("step", "code", "message"),
    [
        ({"command": "pack", "config": {"source": "a"}}, 2, "there is no operation 'pack'"),
        ({"config": {"source": "a"}}, 2, "there is no operation ''"),
        ({"command": "create", "config": {"source": "a"}}, 2, "create needs config.destination"),
    ],
)
def test_a_step_that_is_not_complete(step: dict[str, Any], code: int, message: str) -> None:
    result = _run(step)
    assert (result.status, result.step.exit_code) == ("failed", code)
    assert message in result.step.error


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "`source` is required"),
        ({"source": ""}, "at least 1 characters"),
        ({"source": "a", "format": "arj"}, "unknown format"),
        ({"source": "a", "overwrit": True}, "unknown key `overwrit`"),
        ({"source": "a", "overwrite": "yes"}, "true or false"),
        ({"source": "a", "stripComponents": -1}, "at least 0"),
        ({"source": "a", "maxBytes": "10 pounds"}, "must be a size"),
        ({"source": "a", "checksum": "md5"}, "one of"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_in_the_file(config: Any, message: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        _run({"command": "extract", "config": config})
    assert message in " ".join(problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("step", "messages"),
    [
        ("command: extract, config: {source: a, strip_components: 1}", []),
        ("command: pack, config: {source: a}", [("step s: there is no operation 'pack'", 43)]),
        ("command: '${OPERATION}', config: {source: a}", []),
        ("command: create, config: {source: a}", [("step s: create needs `destination`", 51)]),
        ("command: create, config: {source: a, dry_run: true}", []),
        (
            "command: create, config: {source: a, destination: b, stripComponents: 1}",
            [("step s: `stripComponents` means nothing to create", 87)],
        ),
    ],
)
def test_findings_before_the_run(step: str, messages: list[tuple[str, int]]) -> None:
    host = PluginHost.load(discover=False, plugins=[dagu_archive.plugin])
    text = f"steps: [{{name: s, type: archive, {step}}}]"
    read = read_definition(text, path="x.yaml", vocabulary=host.catalog.vocabulary)
    found = host.lint(read.plans[0], read.places[0])
    assert [(each.message.split("; ")[0], each.place.column) for each in found] == messages
    assert {problem.severity for problem in found} <= {"warning"}
