"""Secrets of the environment and of files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core import DaguError, SecretRef, SecretScope
from dagu_core.builtins.secrets import EnvSecrets, FileSecrets


def env(key: str, **environ: str) -> str:
    return asyncio.run(EnvSecrets().resolve(SecretRef("S", "env", key), SecretScope(environ, ())))


def file(key: str, *folders: Path) -> str:
    return asyncio.run(FileSecrets().resolve(SecretRef("S", "file", key), SecretScope({}, folders)))


def test_a_variable_is_the_value_even_when_empty() -> None:
    assert env("TOKEN", TOKEN="abc") == "abc"
    assert env("TOKEN", TOKEN="") == ""


def test_an_unset_variable_is_an_error() -> None:
    with pytest.raises(DaguError, match=r"^the environment variable TOKEN is not set"):
        env("TOKEN", OTHER="abc")


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"line\r\nend\n\n")
    assert file(str(tmp_path / "key")) == "line\r\nend\n\n"


def test_relative_paths_are_looked_for_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    (second / "key").write_text("two", encoding="utf-8")
    assert file("key", first, second) == "two"
    (first / "key").write_text("one", encoding="utf-8")
    assert file("key", first, second) == "one"


def test_what_cannot_be_read_is_an_error_without_the_value(tmp_path: Path) -> None:
    with pytest.raises(DaguError, match="there is no file key") as missing:
        file("key", tmp_path)
    assert str(tmp_path / "key") in missing.value.hint
    (tmp_path / "key").write_bytes(b"hush\xff")
    with pytest.raises(DaguError, match="not UTF-8") as binary:
        file("key", tmp_path)
    assert "hush" not in str(binary.value)
