"""Row S22 for what the engine writes: modes do not depend on the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.gotchas.lab import Lab


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_S22_everything_in_the_home_has_the_modes_of_the_house(tmp_path: Path, umask: int) -> None:
    (tmp_path / "work").mkdir()
    lab = Lab(tmp_path / "home", tmp_path / "work")
    before = os.umask(umask)
    try:
        ran = lab.run("""
            steps:
              - {call: kid, output: V}
              - {command: echo x > made; echo "$V"}
            ---
            name: kid
            steps: [{command: echo y, output: W}]
            """)
    finally:
        os.umask(before)
    assert ran.status == "succeeded"
    written = [path for path in lab.home.rglob("*") if not path.is_symlink()]
    modes = {path.relative_to(lab.home): stat.S_IMODE(path.stat().st_mode) for path in written}
    assert len(modes) > 10
    assert {str(path): oct(mode) for path, mode in modes.items() if mode not in (0o750, 0o600)} == {}
    assert stat.S_IMODE((lab.work / "made").stat().st_mode) == 0o666 & ~umask
