"""What the names in a text stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field


class StepFacts(Struct, frozen=True):
    """What `${id.stdout}` and its kin tell: paths of the two log files, and the exit code."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0


class Scope(Struct):
    """Where references are looked up.

    `layers` hold the variables of the run, the earlier one wins. `environ` is the environment of
    this process, asked last ({} = not allowed). `steps` are known by step id. `outputs` names the
    variables that were captured from steps; they stand in a layer as well. `positional` are `$1`,
    `$2`, ... Code may have variables of its own, so a plain name in it stands for what is in the `near`
    layers only (None = in any).
    """

    layers: Sequence[Mapping[str, str]] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, StepFacts] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    positional: Sequence[str] = ()
    near: Sequence[Mapping[str, str]] | None = None

    def variable(self, name: str) -> str | None:
        """The value a layer or a positional parameter gives to `name`, or None."""
        for layer in self.layers:
            if name in layer:
                return layer[name]
        if name.isdecimal() and 1 <= int(name[:9]) <= len(self.positional):
            return self.positional[int(name[:9]) - 1]
        return None

    def in_code(self, name: str) -> str | None:
        """What a plain `name` in single quotes or in a script stands for, or None."""
        layers = self.layers if self.near is None else self.near
        return next((layer[name] for layer in layers if name in layer), None)

    def get(self, name: str) -> str | None:
        """The value of `name`, or None when nobody knows it."""
        value = self.variable(name)
        return self.environ.get(name) if value is None else value
