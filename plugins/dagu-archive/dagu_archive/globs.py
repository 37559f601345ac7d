"""Patterns of names: `*`, `?`, `[a-z]`, `{a,b}` within a folder, `**` across folders."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagu_archive.codes import CONFIG, refuse


class Selection:
    """Which names are taken. Who leaves a folder out, or takes one by its name, means all in it."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = [pattern(each, covers=not set(each) & set("*?[{")) for each in include]
        self._exclude = [pattern(each, covers=True) for each in exclude]

    def excludes(self, *names: str) -> bool:
        """Whether one of the names of an entry is left out."""
        return any(each.match(name) for each in self._exclude for name in names)

    def takes(self, *names: str) -> bool:
        """Whether an entry is taken, under any of its names."""
        wanted = not self._include or any(each.match(name) for each in self._include for name in names)
        return wanted and not self.excludes(*names)


def pattern(text: str, *, covers: bool) -> re.Pattern[str]:
    """The regular expression of a pattern; `covers` what is below a folder that matches."""
    translated = _translated(text.strip().removeprefix("./").rstrip("/"))
    try:
        return re.compile(translated + ("(?:/.*)?" if covers else "") + r"\Z", re.DOTALL)
    except re.error as error:
        refuse(CONFIG, f"{text!r} is no pattern: {error}")


def _translated(text: str) -> str:
    made, at, open_braces = "", 0, 0
    while at < len(text):
        char = text[at]
        if text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            made, at = made + "(?:.*/)?", at + 3
            continue
        if text.startswith("**", at):
            made, at = made + ".*", at + 2
            continue
        if char == "[" and (end := text.find("]", at + 2)) > 0:
            inside = text[at + 1 : end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside[:1] in "!^" else inside
            made, at = f"{made}(?!/)[{inside}]", end + 1
            continue
        if char == "{" and "}" in text[at:]:
            open_braces += 1
            made += "(?:"
        elif char == "}" and open_braces:
            open_braces -= 1
            made += ")"
        elif char == "," and open_braces:
            made += "|"
        elif char == "\\" and at + 1 < len(text):
            at += 1
            made += re.escape(text[at])
        else:
            made += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        at += 1
    return made
