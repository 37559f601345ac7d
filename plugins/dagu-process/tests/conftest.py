"""Executables for the tests, and the sample as a module that engines in other processes find."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.fixtures import dagu, dagu_home  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))

#: answers `describe` with a step type `odd`, and leaves the rest to be said
HEAD = """#!/bin/sh
IFS= read -r message
case $message in
'{"type":"describe"'*) printf '%s\\n' '@DESCRIPTION@'; exit ;;
esac
"""
DESCRIPTION: dict[str, Any] = {
    "type": "description",
    "protocol": "dagu-exec/1",
    "version": "1",
    "stepTypes": [{"name": "odd", "description": "Is odd."}],
}

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes an executable: `make(body)` one that describes itself well, `whole=True` the text as it is."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def made(body: str, *, name: str = "odd", whole: bool = False, **description: Any) -> Path:
        file = folder / name
        said = json.dumps({**DESCRIPTION, **description})
        file.write_text(body if whole else HEAD.replace("@DESCRIPTION@", said) + body, "utf-8")
        file.chmod(0o755)
        return file

    return made
