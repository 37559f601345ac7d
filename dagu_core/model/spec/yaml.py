"""YAML text -> plain data with places, in one pass that no input can blow up.

Events are turned into data as they come, without recursion, so depth, size and aliases are
bounded before anything is built, and the C parser (whose tree builder recurses) stays safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml as pyyaml
from msgspec import Struct
from yaml import events

from dagu_core.base.places import Place, Problem
from dagu_core.model.spec.decode import MAX_BYTES, too_large
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map, Seq
from dagu_core.model.spec.scalars import plain_value
from dagu_core.model.spec.yaml_events import yaml_events

MAX_DEPTH = 100
MAX_NODES = 200_000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_TAG = "tag:yaml.org,2002:"
_MERGE = object()


def read_documents(findings: Findings) -> list[Any]:
    """The non-empty documents of a text; what is wrong with it goes into `findings`."""
    builder = _Builder(findings)
    try:
        _check_characters(findings.text)
        return [document for document in builder.build(yaml_events(findings.text)) if document is not None]
    except _Fatal as fatal:
        findings.add(fatal.problem)
    except pyyaml.MarkedYAMLError as error:
        findings.add(_syntax_problem(error, findings.text))
    except pyyaml.YAMLError as error:
        findings.add(Problem(str(error).splitlines()[0]))
    return []


def _check_characters(text: str) -> None:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _Fatal(too_large(len(text)))
    if bad := _CONTROL.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - (text.rfind("\n", 0, bad.start()) + 1) + 1
        what = "not UTF-8" if "\ud800" <= bad[0] <= "\udfff" else "control character"
        raise _problem(
            f"{what} U+{ord(bad[0]):04X}", Place(line, column), "remove it, or write it as an escape"
        )


class _Fatal(Exception):
    """A problem after which nothing more can be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _problem(message: str, place: Place, hint: str = "", code: str = "D001") -> _Fatal:
    return _Fatal(Problem(message, place, code, hint))


def _syntax_problem(error: pyyaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = ": ".join(str(part) for part in (error.context, error.problem) if part)
    if mark is None:
        return Problem(message)
    line = next(iter(text.splitlines()[mark.line :]), "")
    hint = "use spaces, YAML does not indent with tabs" if "\t" in line[: mark.column + 1] else ""
    return Problem(message.replace("\t", "\\t"), Place(mark.line + 1, mark.column + 1), hint=hint)


class _Open(Struct):
    """A container being filled: its data, anchor, the key that waits for a value, merges."""

    data: Map | Seq
    anchor: str | None
    nodes_before: int
    key: Any = None
    key_place: tuple[int, int] = (1, 1)
    has_key: bool = False
    merges: list[tuple[Any, Place]] | None = None


class _Builder:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        self.nodes = 0
        self.root: Any = None

    def build(self, stream: Iterator[Any]) -> Iterator[Any]:
        for event in stream:
            kind = type(event)
            if kind is events.ScalarEvent:
                self._scalar(event)
            elif kind is events.MappingStartEvent or kind is events.SequenceStartEvent:
                self._open(event)
            elif kind is events.MappingEndEvent or kind is events.SequenceEndEvent:
                self._close()
            elif kind is events.AliasEvent:
                self._alias(event)
            elif kind is events.DocumentEndEvent:
                yield self.root
            elif kind is events.DocumentStartEvent:
                self.root, self.anchors = None, {}

    def _count(self, nodes: int, place: Place) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _problem(f"too many nodes: more than {MAX_NODES}", place, "aliases count each time", "D009")

    def _scalar(self, event: Any) -> None:
        mark, text = event.start_mark, event.value
        place = (mark.line + 1, mark.column + 1)
        if "\0" in text:
            raise _problem(
                "control character U+0000", Place(*place), "no program can be given this character"
            )
        value = self._tagged(event, text, place)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        top = self.stack[-1] if self.stack else None
        if top is not None and not top.has_key and type(top.data) is Map:
            # Keys stay text, so that `1:` and `yes:` are what the user reads.
            merge = text == "<<" and event.implicit[0]
            top.key, top.key_place, top.has_key = _MERGE if merge else text, place, True
            return
        self._count(1, Place(*place))
        self._add(value, place)

    def _tagged(self, event: Any, text: str, place: tuple[int, int]) -> Any:
        tag = event.tag
        if tag is None:
            return plain_value(text) if event.implicit[0] else text
        if tag in ("!", _TAG + "str"):
            return text
        value = plain_value(text)
        wanted = _TAGGED.get(tag)
        if wanted is None:
            self._unknown_tag(tag, Place(*place))
            return text
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise _problem(f"`{text[:40]}` is not a value of tag `{_shown_tag(tag)}`", Place(*place))
        return value

    def _unknown_tag(self, tag: str, place: Place) -> None:
        self.findings.error(f"unknown tag `{_shown_tag(tag)}`", place, code="D001", hint="remove the tag")

    def _open(self, event: Any) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        is_map = type(event) is events.MappingStartEvent
        if event.tag not in (None, "!", _TAG + ("map" if is_map else "seq")):
            self._unknown_tag(event.tag, place)
        if len(self.stack) >= MAX_DEPTH:
            raise _problem(f"nested too deep: more than {MAX_DEPTH} levels", place, code="D009")
        if self.stack and not self.stack[-1].has_key and type(self.stack[-1].data) is Map:
            raise _problem("a key must be a plain text, not a list or mapping", place)
        self._count(1, place)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(Map(place) if is_map else Seq(place), event.anchor, self.nodes - 1))

    def _close(self) -> None:
        done = self.stack.pop()
        if done.merges:
            _merge(done.data, done.merges)
        if done.anchor:
            self.anchors[done.anchor] = (done.data, self.nodes - done.nodes_before)
        self._add(done.data, (done.data.place.line, done.data.place.column))

    def _alias(self, event: Any) -> None:
        mark = event.start_mark
        place = Place(mark.line + 1, mark.column + 1)
        if event.anchor not in self.anchors:
            raise _problem(f"unknown alias `*{event.anchor}`", place)
        known = self.anchors[event.anchor]
        if known is None:
            raise _problem(f"recursive alias `*{event.anchor}`", place, "an anchor cannot contain itself")
        value, nodes = known
        top = self.stack[-1] if self.stack else None
        if top is not None and not top.has_key and type(top.data) is Map:
            if isinstance(value, Map | Seq):
                raise _problem("a key must be a plain text, not a list or mapping", place)
            top.key, top.key_place, top.has_key = (
                str(getattr(value, "text", value)),
                (place.line, place.column),
                True,
            )
            return
        self._count(nodes, place)
        self._add(value, (place.line, place.column))

    def _add(self, value: Any, place: tuple[int, int]) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        data = top.data
        if type(data) is Seq:
            data.append(value)
            data.spots.append(place)
            return
        top.has_key = False
        if top.key is _MERGE:
            top.merges = [*(top.merges or ()), (value, Place(*place))]
        elif isinstance(data, Map):
            if top.key in data:
                first = data.key_place(top.key)
                self.findings.error(
                    f"mapping key `{top.key}` already defined at {first.line}:{first.column}",
                    Place(*top.key_place),
                    code="D010",
                    hint="keep one of the two",
                    length=len(top.key),
                )
                return
            data[top.key] = value
            data.spots[top.key] = (*top.key_place, *place)


def _merge(data: Map | Seq, merges: list[tuple[Any, Place]]) -> None:
    """`<<`: add the keys of other mappings; own keys win, then the earlier mapping."""
    for value, place in merges:
        for other in value if isinstance(value, Seq) else [value]:
            if not isinstance(other, Map) or not isinstance(data, Map):
                raise _problem("`<<` takes a mapping or a list of mappings", place)
            for key in other:
                if key not in data:
                    data[key] = other[key]
                    data.spots[key] = other.spots[key]


def _shown_tag(tag: str) -> str:
    return tag.replace(_TAG, "!!")


_TAGGED: dict[str, type | tuple[type, ...]] = {
    _TAG + "int": int,
    _TAG + "float": (int, float),
    _TAG + "bool": bool,
    _TAG + "null": type(None),
}
