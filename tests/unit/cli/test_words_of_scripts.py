"""Flags and verbs that scripts for the original use, and for which there is nothing to do here."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run


@pytest.mark.parametrize("flag", ["-n", "--no-queue", "--disable-max-active-runs"])
def test_a_retry_by_hand_never_waits_and_may_say_so(tmp_path: Path, flag: str) -> None:
    file = tmp_path / "d.yaml"
    file.write_text("steps: [{name: s, command: 'test -e done || { touch done; exit 1; }'}]\n")
    home = Invocation(home=str(tmp_path))
    assert run(["start", "-q", "-r", "one", flag, str(file)], home) == 1
    assert run(["retry", "-q", "-r", "one", flag, str(file)], Invocation(home=str(tmp_path))) == 0


def test_there_is_no_history_to_migrate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", "history"], Invocation(home=str(tmp_path))) == 0
    assert capsys.readouterr().out.startswith("Nothing to migrate")
    assert run(["migrate", "-q", "history"], Invocation(home=str(tmp_path))) == 0
    assert capsys.readouterr().out == ""
