"""What others may ask of a run. Only its owner changes it; everybody else leaves a signal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StopSignal:
    """Stop the run. `signal` is sent to its steps (each step's signalOnStop wins); `force` kills."""

    at: float
    by: str
    signal: str = "SIGTERM"
    force: bool = False


Signal = StopSignal
