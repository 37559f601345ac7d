"""DAGs whose name is not that of their file: what is shown is what commands take."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.app.dag_names import written_name
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Dagu = Callable[..., tuple[int, str, str]]
DAILY = "schedule: '0 9 * * *'\nsteps: ['true']\n"


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dagu:
    """The command line in a home of its own."""
    for name, value in {"DAGU_HOME": str(tmp_path), "DAGU_TZ": "UTC", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words), Invocation())
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def listed(dagu: Dagu) -> dict[str, dict[str, str]]:
    """What `schedule list` says, by file."""
    return {Path(each["file"]).name: each for each in json.loads(dagu("schedule", "list", "--json")[1])}


@pytest.mark.parametrize("name", ["bar", "foo"])
def test_every_command_takes_the_name_and_the_file(dagu: Dagu, dags: Path, name: str) -> None:
    (dags / "foo.yaml").write_text(f"name: bar\n{DAILY}")
    (dags / "other.yaml").write_text(f"name: bark\n{DAILY}")
    assert (listed(dagu)["foo.yaml"]["name"], listed(dagu)["foo.yaml"]["ref"]) == ("bar", "bar")
    for words in (
        ("schedule", "preview", name, "--count", "1"),
        ("schedule", "suspend", name),
        ("schedule", "resume", name),
        ("backfill", "create", name, "--from", "2026-01-01", "--to", "2026-01-02", "--dry-run"),
        ("validate", name),
    ):
        code, _, err = dagu(*words)
        assert code == 0, (words, err)
    assert dagu("events", name) == (0, "No events found\n", "")
    dagu("schedule", "suspend", name)
    assert (dags.parent / "suspend" / "foo.suspend").exists()


def test_a_file_goes_before_a_name(dagu: Dagu, dags: Path) -> None:
    (dags / "foo.yaml").write_text(f"name: bar\n{DAILY}")
    (dags / "bar.yaml").write_text("name: baz\nschedule: '0 10 * * *'\nsteps: ['true']\n")
    assert json.loads(dagu("schedule", "preview", "bar", "--json")[1])["name"] == "baz"
    found = listed(dagu)
    assert {file: (one["name"], one["ref"]) for file, one in found.items()} == {
        "bar.yaml": ("baz", "baz"),
        "foo.yaml": ("bar", "foo"),
    }
    assert "commands take it as foo" in dagu("schedule", "list")[1]


def test_a_name_of_several_files_is_refused_and_the_list_tells(dagu: Dagu, dags: Path) -> None:
    for file in ("a", "b"):
        (dags / f"{file}.yaml").write_text(f"name: dup\n{DAILY}")
    code, _, err = dagu("schedule", "suspend", "dup")
    assert code == 2 and "several files define a DAG 'dup': a.yaml, b.yaml" in err
    found = listed(dagu)
    assert [found[file]["ref"] for file in ("a.yaml", "b.yaml")] == ["a", "b"]
    assert "defined in a.yaml already" in found["b.yaml"]["problem"] and "problem" not in found["a.yaml"]
    assert dagu("events", "dup") == (0, "No events found\n", "")
    assert dagu("schedule", "suspend", "a")[0] == 0


def test_a_broken_file_has_its_name(dagu: Dagu, dags: Path) -> None:
    (dags / "foo.yaml").write_text("name: bar\nschedule: '0 9 * * *'\nsteps: [{comand: x}]\n")
    assert (listed(dagu)["foo.yaml"]["name"], listed(dagu)["foo.yaml"]["ref"]) == ("bar", "bar")
    code, _, err = dagu("schedule", "preview", "bar")
    assert code == 1 and "foo.yaml" in err
    assert dagu("schedule", "preview", "comand")[0] == 3


def test_what_starts_by_itself_in_a_further_document_is_told(dagu: Dagu, dags: Path) -> None:
    kid = "name: kid\nschedule: '0 9 * * *'\nsteps: ['true']\n"
    (dags / "two.yaml").write_text(f"{DAILY}---\n{kid}")
    code, out, err = dagu("validate", "two")
    assert code == 0 and "two.yaml:5:1: warning D074 `schedule` has no effect here" in out + err


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name: bar\n", "bar"),
        ("# c\n---\nname: 'bar'  # c\nsteps: [\n", "bar"),
        ('\ufeffsteps: {\nname: "b a r"\n', "b a r"),
        ("steps: []\n---\nname: bar\n", ""),
        ("steps:\n  name: bar\n", ""),
        ("", ""),
    ],
)
def test_the_name_of_a_text_that_may_be_broken(text: str, name: str) -> None:
    assert written_name(text) == name
