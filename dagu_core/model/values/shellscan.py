"""Reading shell code just well enough to know how each reference in it is quoted."""

from __future__ import annotations

import re

from msgspec import Struct

from dagu_core.model.values import references
from dagu_core.model.values.inplace import in_place
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.shellquotes import Scanned, in_single_quotes
from dagu_core.model.values.text import visible

_BORING = re.compile(r"(?:[^\\'\"`$#<()\n}ce]|(?<=[A-Za-z0-9_])[ce])+")
_BORING_IN_QUOTES = re.compile(r"[^\\\"`$()}]+")
_QUOTED_VARIABLE = re.compile(r'"\$\{([A-Za-z0-9_]+)\}"')
_ANSI_QUOTES = re.compile(r"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_HEREDOC = re.compile(r"<<(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s;&|<>()'\"\\`$])+)")
_COMMAND_START = re.compile(r"(?:\A|[;&|(\n{]|\b(?:do|then|else|elif|if|while|until|in)\s)\s*\Z")
_CASE_WORD = re.compile(r"(case|esac)\b")


def scan(text: str, scope: Scope, *, run_commands: bool, quoted_outputs: bool) -> Scanned:
    """Replace what a shell cannot expand by `${DAGU_REF_n}`; see `shelltext.for_shell`."""
    scanned = Scanned(text)
    if "$" in text or "`" in text:
        scanned.text = _Scan(text, scope, scanned, run_commands, quoted_outputs).run("code")
    return scanned


class _Frame(Struct):
    """An open construct: "code", `"`, `(`, `${`, `$((` or "heredoc", and the `case`s open in it.

    In a quoted one `'`, `#` and `<<` mean nothing.
    """

    kind: str
    is_quoted: bool = False
    cases: int = 0


class _Heredoc(Struct):
    delimiter: str
    is_literal: bool
    strips_tabs: bool
    place: int


class _Scan:
    """One pass over `text`; every method reads something at `self.at` and writes to `self.out`."""

    def __init__(self, text: str, scope: Scope, result: Scanned, run_commands: bool, quoted: bool) -> None:
        self.text = text
        self.scope = scope
        self.result = result
        self.run_commands = run_commands
        self.quoted_outputs = quoted
        self.at = 0
        self.out: list[str] = []
        self.stack: list[_Frame] = []
        self.heredocs: list[_Heredoc] = []
        self.knows_heredocs = True

    def run(self, outermost: str) -> str:
        self.stack.append(_Frame(outermost, is_quoted=outermost == "heredoc"))
        while self.at < len(self.text):
            frame = self.stack[-1]
            boring = (_BORING_IN_QUOTES if frame.is_quoted else _BORING).match(self.text, self.at)
            if boring:
                self._copy(boring.end())
                continue
            match self.text[self.at]:
                case "\\":
                    self._copy(self.at + 2)
                case "`":
                    self._backticks()
                case "$":
                    self._dollar(frame)
                case '"' if frame.kind != "heredoc":
                    self._double_quote(frame)
                case "}" if frame.kind == "${":
                    self._close()
                case "(" | ")" as parenthesis:
                    self._parenthesis(frame, parenthesis)
                case "'" if not frame.is_quoted:
                    self._single_quotes()
                case "#" | "<" | "\n" | "c" | "e" if not frame.is_quoted and frame.kind != "${":
                    self._unquoted(frame)
                case _:
                    self._copy(self.at + 1)
        return "".join(self.out)

    def _copy(self, end: int) -> None:
        self.out.append(self.text[self.at : end])
        self.at = end

    def _replace(self, end: int, new: str) -> None:
        self.out.append(new)
        self.at = end

    def _open(self, kind: str, end: int, *, is_quoted: bool) -> None:
        self.stack.append(_Frame(kind, is_quoted))
        self._copy(end)

    def _close(self, length: int = 1) -> None:
        self.stack.pop()
        self._copy(self.at + length)

    def _backticks(self) -> None:
        span = references.BACKTICKS.match(self.text, self.at)
        if span is None:
            self._copy(self.at + (2 if self.text.startswith("``", self.at) else 1))
        elif self.run_commands:
            self._replace(span.end(), f"${{{self.result.order(span[1])}}}")
        else:
            self._replace(span.end(), f"`{self._within(span[1], 'code')}`")

    def _within(self, text: str, outermost: str) -> str:
        inner = _Scan(text, self.scope, self.result, self.run_commands, self.quoted_outputs)
        return inner.run(outermost)

    def _dollar(self, frame: _Frame) -> None:
        for pattern in (references.DOTTED_BRACED, references.DOTTED_BARE):
            if match := pattern.match(self.text, self.at):
                value = references.dotted(match[1], match[2], self.scope)
                if value is not None:
                    self._replace(match.end(), f"${{{self.result.hold(value)}}}")
                    return
        odd = references.ODD_BRACED.match(self.text, self.at)
        if plain := references.PLAIN_BRACED.match(self.text, self.at):
            self._copy(plain.end())
        elif odd and (value := self.scope.variable(odd[1])) is not None:
            self._replace(odd.end(), f"${{{self.result.hold(value)}}}")
        elif self.text.startswith("$((", self.at):
            self._open("$((", self.at + 3, is_quoted=True)
        elif self.text.startswith("$(", self.at):
            self._open("(", self.at + 2, is_quoted=False)
        elif self.text.startswith("${", self.at):
            self._open("${", self.at + 2, is_quoted=frame.is_quoted)
        elif not frame.is_quoted and (ansi := _ANSI_QUOTES.match(self.text, self.at)):
            self._copy(ansi.end())
        else:
            self._copy(self.at + (2 if self.text[self.at + 1 : self.at + 2] in tuple("$#?!@*-") else 1))

    def _double_quote(self, frame: _Frame) -> None:
        exact = _QUOTED_VARIABLE.match(self.text, self.at)
        if frame.kind == '"':
            self._close()
        elif exact and self.quoted_outputs and exact[1] in self.scope.outputs:
            value = self.scope.get(exact[1]) or ""
            shown = visible(value)
            self._replace(exact.end(), exact[0] if shown == value else f'"${{{self.result.hold(shown)}}}"')
        else:
            self._open('"', self.at + 1, is_quoted=True)

    def _parenthesis(self, frame: _Frame, which: str) -> None:
        if which == "(":
            if frame.kind in ('"', "heredoc", "${"):
                self._copy(self.at + 1)
            else:
                self._open("(", self.at + 1, is_quoted=frame.is_quoted)
        elif frame.kind == "$((" and self.text.startswith("))", self.at):
            self._close(2)
        elif frame.kind == "(" and not frame.cases:
            self._close()
        else:
            self._copy(self.at + 1)

    def _single_quotes(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self._copy(len(self.text))
            return
        content = in_single_quotes(self.text[self.at + 1 : end], self.scope, self.result, self.run_commands)
        self._replace(end + 1, f"'{content}'")

    def _unquoted(self, frame: _Frame) -> None:
        text, at = self.text, self.at
        before = text[max(0, at - 1) : at]
        match text[at]:
            case "#" if before in ("", " ", "\t", "\n", ";", "&", "|", "(", ")"):
                end = text.find("\n", at)
                self._copy(end if end >= 0 else len(text))
                return
            case "<" if text.startswith("<<<", at):
                self._copy(at + 3)
                return
            case "<" if heredoc := _HEREDOC.match(text, at):
                word = heredoc[2]
                bare = re.sub(r"['\"\\]", "", word)
                self.out.append(f"<<{heredoc[1]}")
                self.heredocs.append(_Heredoc(bare, bare != word, bool(heredoc[1]), len(self.out)))
                self._replace(heredoc.end(), word)
                return
            case "\n" if self.heredocs:
                self._copy(at + 1)
                waiting, self.heredocs = self.heredocs, []
                for one in waiting:
                    self._heredoc(one)
                return
            case "c" | "e" if word := _CASE_WORD.match(text, at):
                if _COMMAND_START.search(text[max(0, at - 12) : at]):
                    frame.cases = max(0, frame.cases + (1 if word[1] == "case" else -1))
                self._copy(word.end())
                return
        self._copy(at + 1)

    def _heredoc(self, heredoc: _Heredoc) -> None:
        tabs = r"\t*" if heredoc.strips_tabs else ""
        closing = re.compile(rf"^{tabs}{re.escape(heredoc.delimiter)}$", re.MULTILINE)
        last = closing.search(self.text, self.at)
        if last is None:
            # Where code and text begin is now a guess, and a value must not become code.
            self.knows_heredocs = False
        if last is None or not self.knows_heredocs:
            return
        body = self.text[self.at : last.start()]
        if not heredoc.is_literal:
            self._replace(last.end(), self._within(body, "heredoc") + last[0])
            return
        filled = in_place(body, self.scope)
        delimiter = heredoc.delimiter
        if closing.search(filled):
            # A value holds the line that would end the here-document.
            delimiter = next(word for n in range(len(filled)) if (word := f"DAGU_END_{n}") not in filled)
            self.out[heredoc.place] = f"'{delimiter}'"
        self._replace(last.end(), filled + delimiter)
