"""The problems of one text, collected while it is judged."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from dagu_core.base.places import InvalidDefinition, Place, Problem

# A file that is wrong in ten thousand places is not read better with all of them listed.
MAX_PROBLEMS = 200


#: what to do about an error whose finder knows nothing better, by its code
_HINTS = {
    "D001": "look for a quote, a bracket or an indentation that does not fit, here or in the line before",
    "D002": "`dagu schema` says what may stand there",
    "D003": "`dagu schema` has every key",
    "D004": "add what is missing",
    "D005": "`dagu schema` says which values it may have",
    "D006": "give it another name",
    "D007": "name a step of this DAG, or add it",
    "D012": "keep one of them",
    "D013": "an action is `TYPE.COMMAND`; `dagu plugins` lists the types",
    "D014": "`dagu plugins` lists what is installed",
    "D015": "take it out, or give the step another type",
}


def hinted(problem: Problem) -> Problem:
    """The problem, an error with the hint of its kind where it has none of its own."""
    if problem.hint or problem.severity != "error":
        return problem
    return replace(problem, hint=_HINTS.get(problem.code, ""))


class Findings:
    """Each problem once, errors and warnings, every place inside the text."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._problems: dict[Problem, None] = {}
        self._line_lengths: list[int] | None = None

    def error(
        self, message: str, place: Place, *, code: str = "D002", hint: str = "", length: int = 1
    ) -> None:
        """Add an error."""
        self.add(Problem(message, place, code, hint, length))

    def warning(self, message: str, place: Place, *, code: str, hint: str = "") -> None:
        """Add a warning; the definition stays valid."""
        self.add(Problem(message, place, code, hint, severity="warning"))

    def add(self, problem: Problem) -> None:
        """Add a problem, unless it is known already or there are too many."""
        if self.is_full:
            return
        self._problems[replace(hinted(problem), place=self._inside(problem.place))] = None

    @property
    def is_full(self) -> bool:
        """Whether further problems are dropped, so that no work need go into their wording."""
        return len(self._problems) >= MAX_PROBLEMS

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What makes the definition invalid."""
        return tuple(self._of("error"))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The rest, in the order of the text."""
        return tuple(sorted((p for p in self._problems if p.severity != "error"), key=lambda p: p.place))

    def raise_errors(self) -> None:
        """Raise InvalidDefinition with all problems, if one of them is an error."""
        if self.errors:
            raise InvalidDefinition(tuple(self._problems), file=self.file, text=self.text)

    def _of(self, severity: str) -> Iterable[Problem]:
        return (problem for problem in self._problems if problem.severity == severity)

    def _inside(self, place: Place) -> Place:
        if place.file:
            return place
        # The parser points behind the last line when something is missing at the end.
        if self._line_lengths is None:
            self._line_lengths = [len(line) for line in self.text.splitlines()] or [0]
        line = min(max(place.line, 1), len(self._line_lengths))
        if line < place.line:
            return Place(line, self._line_lengths[line - 1] + 1)
        return Place(line, min(max(place.column, 1), self._line_lengths[line - 1] + 1))
