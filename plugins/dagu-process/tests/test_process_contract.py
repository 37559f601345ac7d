"""A step type of an executable keeps what every step type must."""

from __future__ import annotations

from pathlib import Path

from process_sample import Sample

from dagu_core.testing.executor_contract import ExecutorContract, Step


def _step(what: str, text: str = "") -> Step:
    return {"type": "sample", "config": {"do": what, "text": text}}


class TestSample(ExecutorContract):
    """The inherited suite, over `sample.py`."""

    executor = Sample
    import_budget = 1.0  # its import asks the executable

    def good_step(self) -> Step:
        return _step("nothing")

    def failing_step(self) -> Step:
        return _step("fail")

    def long_step(self) -> Step:
        return _step("wait")

    def printing_step(self, file: Path) -> Step:
        return _step("print", str(file))

    def echo_step(self, text: str) -> Step:
        return _step("echo", text)

    def env_step(self, name: str) -> Step:
        return _step("env", name)

    def leaking_step(self, reference: str) -> Step:
        return _step("fail", reference)

    def reattach_step(self, marker: Path) -> Step:
        return _step("mark", str(marker))
