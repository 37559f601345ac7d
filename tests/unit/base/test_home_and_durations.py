"""The folders of a home, spans of time as people write them, and what is not imported for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dagu_core.base.settings import Settings, parse_duration


def test_home_folders(tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.mkdir()
    xdg = Settings.load(environ={"HOME": str(user), "XDG_DATA_HOME": str(tmp_path / "share")})
    assert xdg.home is None
    assert xdg.paths.dags == user / ".config" / "dagu" / "dags"
    assert xdg.paths.data == tmp_path / "share" / "dagu" / "data"
    assert (
        Settings.load(environ={"HOME": str(user)}).paths.logs == user / ".local" / "share" / "dagu" / "logs"
    )
    (user / ".dagu").mkdir()
    old = Settings.load(environ={"HOME": str(user)})
    assert old.home == user / ".dagu"
    assert len(old.warnings) == 1
    chosen = Settings.load(environ={"HOME": str(user), "DAGU_HOME": "/else"}, home="~/mine")
    assert chosen.home == user / "mine"
    assert chosen.warnings == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1h30m", 5400), ("2d12h", 216000), ("1.5m", 90), ("500ms", 0.5), ("0", 0), ("-1s", -1)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1h 30m", "--1s", "1h-30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_yaml_is_not_imported_without_a_file(tmp_path: Path) -> None:
    code = (
        "import sys; from dagu_core.base.settings import Settings;"
        f"s = Settings.load(environ={{'DAGU_HOME': {str(tmp_path)!r}, 'HOME': '/'}}); s.store; s.warnings;"
        "print('yaml' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
