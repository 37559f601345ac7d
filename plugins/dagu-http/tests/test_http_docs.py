"""The examples of the page and of the README are valid, and no key is missing from the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagu_http.config import HttpConfig
from dagu_http.network import NetworkConfig
from dagu_http.webhook import Target

HERE = Path(__file__).resolve().parents[1]
PAGE = HERE.parents[1] / "docs/plugins/http.md"


def blocks(language: str) -> list[str]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        block for file in (PAGE, HERE / "README.md") for block in pattern.findall(file.read_text("utf-8"))
    ]


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_examples_are_valid(tmp_path: Path, number: int) -> None:
    (tmp_path / "example.yaml").write_text(blocks("yaml")[number], "utf-8")
    argv = [sys.executable, "-m", "dagu_core", "validate", str(tmp_path / "example.yaml")]
    environ = {**os.environ, "DAGU_HOME": str(tmp_path)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("model", [HttpConfig, Target, NetworkConfig])
def test_every_key_is_on_the_page(model: type[HttpConfig]) -> None:
    page = PAGE.read_text("utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_the_check_of_signatures_checks_ours() -> None:
    from dagu_http.webhook import signature

    (code,) = blocks("python")
    space: dict[str, object] = {}
    exec(code, space)
    check = space["is_ours"]
    assert callable(check)
    assert check(b"key", "17", b"{}", signature("key", "17", b"{}"))
    assert not check(b"key", "18", b"{}", signature("key", "17", b"{}"))
