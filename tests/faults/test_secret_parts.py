"""Rows K08 and K10 for parts of plugins: their errors, and what they write themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import Field

from dagu_core import Attempt, Config, Executor, NoConfig, Outcome, hookimpl
from tests.faults.secret_home import SECRET, VALUE
from tests.gotchas.lab import Lab


class Strict(Config):
    """Wants a number."""

    size: float = Field(description="A number.")


class Picky(Executor[Strict]):
    """Is configured with a secret where a number should be."""

    name = "picky"
    Config = Strict

    async def run(self, attempt: Attempt[Strict]) -> Outcome:
        return Outcome()


class Clumsy(Executor[NoConfig]):
    """Raises an error that quotes the secret, after writing it."""

    name = "clumsy"
    Config = NoConfig

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        value = attempt.env["TOK"]
        await attempt.stdout.write(value[:5].encode())
        await attempt.stdout.write(value[5:].encode() + b"\n")
        raise RuntimeError(f"cannot log in with {value}")


@hookimpl
def dagu_register_executors() -> list[type[Executor[NoConfig]]]:
    return [Picky, Clumsy]  # type: ignore[list-item]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    lab = Lab(tmp_path / "home", tmp_path / "work", environ={"MY_TOKEN": VALUE})
    lab.plugin(dagu_register_executors=dagu_register_executors)
    return lab


@pytest.mark.parametrize("step", ["type: picky, config: {size: '${TOK}'}", "type: clumsy"])
def test_K08_errors_of_parts_do_not_quote_the_value(lab: Lab, step: str) -> None:
    ran = lab.run(f"{SECRET}steps:\n  - {{name: a, {step}}}")
    assert ran.of("a") == "failed"
    assert VALUE not in json.dumps(ran.view.details(), ensure_ascii=False)
    assert not [
        path for path in lab.home.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()
    ]


def test_K10_when_masking_fails_the_output_is_withheld(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, data: bytes) -> list[tuple[int, int]]:
        raise RuntimeError("injected")

    monkeypatch.setattr("dagu_core.base.masking.Masker.spans", broken)
    ran = lab.run(f"{SECRET}steps:\n  - {{name: a, type: clumsy}}")
    assert "withheld" in ran.out("a")
    assert VALUE not in ran.out("a")
    assert VALUE not in ran.step("a").error
