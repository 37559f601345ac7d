"""What others may ask of a run. Only its owner changes it; everybody else leaves a signal."""

from __future__ import annotations

from msgspec import Struct


class StopSignal(Struct, frozen=True, omit_defaults=True, tag=True):
    """Stop the run. `signal` is sent to its steps (each step's signalOnStop wins); `force` kills."""

    at: float
    by: str
    signal: str = "SIGTERM"
    force: bool = False


Signal = StopSignal
