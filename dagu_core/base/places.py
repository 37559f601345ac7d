"""Where a value stands in a text, and the one form of a finding about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from dagu_core.base.errors import DaguError


class Place(Struct, frozen=True, order=True):
    """A position in a text; `line` and `column` count from 1, columns count characters. `file` names the
    text when it is another one than the one that is judged, as the base config is."""

    line: int = 1
    column: int = 1
    file: str = ""


class Problem(Struct, frozen=True):
    """One finding about a file: where, what, and what to do.

    `code` is stable (`D001` ...), `length` the number of characters the caret line underlines.
    """

    message: str
    place: Place = Place()
    code: str = "D001"
    hint: str = ""
    length: int = 1
    severity: Literal["error", "warning", "info"] = "error"

    def render(self, file: str, text: str = "") -> str:
        """`file:line:col: severity CODE message`, the source line with a caret, then the hint."""
        file, text = (self.place.file, "") if self.place.file else (file, text)
        head = f"{file}:{self.place.line}:{self.place.column}: {self.severity} {self.code} {self.message}"
        lines = [head]
        source = text.splitlines()
        if 0 < self.place.line <= len(source) and (line := source[self.place.line - 1].rstrip()):
            start = max(0, self.place.column - 61)
            shown = line[start : start + 120].replace("\t", " ")
            lines.append(f"    {shown}")
            lines.append("    " + " " * (self.place.column - 1 - start) + "^" * max(1, min(self.length, 60)))
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class InvalidDefinition(DaguError):
    """The DAG definition is not valid."""

    code = "bad_request"

    def __init__(self, problems: Sequence[Problem], *, file: str, text: str = "") -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.place))
        self.file, self.text = file, text
        super().__init__("\n".join(problem.render(file, text) for problem in self.problems))
