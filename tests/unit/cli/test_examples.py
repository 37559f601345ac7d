"""A new home begins with examples, once; a folder that is there stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.app.examples import MARKER, make_examples
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

NAMES = ["example-1-steps", "example-2-side-by-side", "example-3-failures", "example-4-sub-dags"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet."""
    monkeypatch.setenv("DAGU_HOME", str(tmp_path / "home"))
    (tmp_path / "one.yaml").write_text("steps: ['true']\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def dagu(*words: str) -> int:
    return run(list(words), Invocation())


@pytest.mark.parametrize(
    "words", [("start", "-q", "one.yaml"), ("exec", "-q", "--", "true"), ("scheduler", "--once")]
)
def test_a_new_home_gets_examples_that_work(home: Path, words: tuple[str, ...]) -> None:
    assert dagu(*words) == 0
    assert sorted(path.stem for path in (home / "dags").glob("*.yaml")) == NAMES
    assert (home / "dags" / MARKER).exists()
    assert oct((home / "dags").stat().st_mode & 0o777) == "0o750"
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []
    if words[0] == "start":
        assert [dagu("start", "-q", name) for name in NAMES] == [0] * len(NAMES)


@pytest.mark.parametrize("verb", ["validate", "dry", "enqueue"])
def test_other_commands_make_none(home: Path, verb: str) -> None:
    assert dagu(verb, "one.yaml") == 0
    assert not (home / "dags").exists()


def test_a_folder_that_is_there_stays_as_it_is(home: Path) -> None:
    (home / "dags").mkdir(parents=True)
    assert dagu("start", "-q", "one.yaml") == 0
    make_examples(home / "dags")
    assert list((home / "dags").iterdir()) == []


def test_no_examples_where_none_are_wanted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGU_SKIP_EXAMPLES", "true")
    assert dagu("start", "-q", "one.yaml") == 0
    monkeypatch.delenv("DAGU_SKIP_EXAMPLES")
    monkeypatch.setenv("DAGU_DAGS_DIR", str(tmp_path / "mine"))
    assert dagu("start", "-q", "one.yaml") == 0
    assert not (home / "dags").exists() and not (tmp_path / "mine").exists()


def test_a_home_that_cannot_be_written_is_no_matter_of_examples(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    make_examples(tmp_path / "file" / "dags")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
