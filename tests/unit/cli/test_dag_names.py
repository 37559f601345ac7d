"""DAGs whose name is not that of their file: what is shown is what commands take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagu_core.app.dag_names import written_name
from tests.unit.cli.asked import InHome

DAILY = "schedule: '0 9 * * *'\nsteps: ['true']\n"


def listed(in_home: InHome) -> dict[str, dict[str, str]]:
    """What `schedule list` says, by file."""
    return {Path(each["file"]).name: each for each in json.loads(in_home("schedule", "list", "--json")[1])}


@pytest.mark.parametrize("name", ["bar", "foo"])
def test_every_command_takes_the_name_and_the_file(in_home: InHome, dags: Path, name: str) -> None:
    (dags / "foo.yaml").write_text(f"name: bar\n{DAILY}")
    (dags / "other.yaml").write_text(f"name: bark\n{DAILY}")
    assert (listed(in_home)["foo.yaml"]["name"], listed(in_home)["foo.yaml"]["ref"]) == ("bar", "bar")
    for words in (
        ("schedule", "preview", name, "--count", "1"),
        ("schedule", "suspend", name),
        ("schedule", "resume", name),
        ("backfill", "create", name, "--from", "2026-01-01", "--to", "2026-01-02", "--dry-run"),
        ("validate", name),
    ):
        code, _, err = in_home(*words)
        assert code == 0, (words, err)
    assert in_home("events", name) == (0, "No events found\n", "")
    in_home("schedule", "suspend", name)
    assert (dags.parent / "suspend" / "foo.suspend").exists()


def test_a_file_goes_before_a_name(in_home: InHome, dags: Path) -> None:
    (dags / "foo.yaml").write_text(f"name: bar\n{DAILY}")
    (dags / "bar.yaml").write_text("name: baz\nschedule: '0 10 * * *'\nsteps: ['true']\n")
    assert json.loads(in_home("schedule", "preview", "bar", "--json")[1])["name"] == "baz"
    found = listed(in_home)
    assert {file: (one["name"], one["ref"]) for file, one in found.items()} == {
        "bar.yaml": ("baz", "baz"),
        "foo.yaml": ("bar", "foo"),
    }
    assert "commands take it as foo" in in_home("schedule", "list")[1]


def test_a_name_of_several_files_is_refused_and_the_list_tells(in_home: InHome, dags: Path) -> None:
    for file in ("a", "b"):
        (dags / f"{file}.yaml").write_text(f"name: dup\n{DAILY}")
    code, _, err = in_home("schedule", "suspend", "dup")
    assert code == 2 and "several files define a DAG 'dup': a.yaml, b.yaml" in err
    found = listed(in_home)
    assert [found[file]["ref"] for file in ("a.yaml", "b.yaml")] == ["a", "b"]
    assert "defined in a.yaml already" in found["b.yaml"]["problem"] and "problem" not in found["a.yaml"]
    assert in_home("events", "dup") == (0, "No events found\n", "")
    assert in_home("schedule", "suspend", "a")[0] == 0


def test_a_broken_file_has_its_name(in_home: InHome, dags: Path) -> None:
    (dags / "foo.yaml").write_text("name: bar\nschedule: '0 9 * * *'\nsteps: [{comand: x}]\n")
    assert (listed(in_home)["foo.yaml"]["name"], listed(in_home)["foo.yaml"]["ref"]) == ("bar", "bar")
    code, _, err = in_home("schedule", "preview", "bar")
    assert code == 1 and "foo.yaml" in err
    assert in_home("schedule", "preview", "comand")[0] == 3


def test_what_starts_by_itself_in_a_further_document_is_told(in_home: InHome, dags: Path) -> None:
    kid = "name: kid\nschedule: '0 9 * * *'\nsteps: ['true']\n"
    (dags / "two.yaml").write_text(f"{DAILY}---\n{kid}")
    code, out, err = in_home("validate", "two")
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
