"""The step type of `sample.py` as a class that a process of its own can import."""

from __future__ import annotations

from pathlib import Path

from dagu_process.asking import ask
from dagu_process.description import read_description
from dagu_process.executor import step_type
from dagu_process.messages import PROTOCOL

_PATH = Path(__file__).with_name("sample.py")
(_MESSAGE,) = ask(_PATH, [{"type": "describe", "protocol": PROTOCOL}], "description")
(_DESCRIBED,) = read_description(_MESSAGE)[1]


class Sample(step_type(_PATH, _DESCRIBED)):  # type: ignore[misc]
    """Does as it is told."""
