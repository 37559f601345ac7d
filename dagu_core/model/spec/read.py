"""Text -> plans: the door to the language."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from msgspec.structs import replace

from dagu_core.base.places import InvalidDefinition, Place, Problem
from dagu_core.model.plan.build import Built, Identity, build_plan
from dagu_core.model.plan.calls import check_calls
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.lint import lint_plan
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan, Source
from dagu_core.model.spec.dag import DagSpec
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map
from dagu_core.model.spec.merge import Merged, merge
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.refusal import describe
from dagu_core.model.spec.vocabulary import Vocabulary
from dagu_core.model.spec.yaml import read_documents


def read_definition(
    text: str,
    *,
    path: str = "",
    vocabulary: Vocabulary,
    base: str = "",
    base_path: str = "",
    name: str = "",
    as_child: bool = False,
) -> Definition:
    """Read and check a whole definition file.

    `path` is the file's absolute name ("" when there is none), `base` the text of base.yaml,
    `name` goes before the name in the text. `as_child` leaves the handlers of the base out, as
    for every sub-DAG. Raises InvalidDefinition with all problems of the text, which is an Unsound, or of
    the base.
    """
    reader = _Reader(Source(text, path, 0, base), vocabulary, base_path or "base.yaml")
    built = [reader.build(index, name if index == 0 else "", as_child) for index in range(reader.count)]
    plans = [one.plan for one in built]
    reader.check_names()
    check_calls(plans, reader.places, reader.findings)
    places = tuple(
        Places(reader.source.text, document, one.written, reader.base_raw, reader.base_path)
        for document, one in zip(reader.documents, built, strict=True)
    )
    try:
        reader.raise_errors()
    except InvalidDefinition as error:
        if reader.base_is_wrong:
            raise
        from dagu_core.model.plan.sound import unsound

        raise unsound(error, reader.documents, built, places) from None
    reader.warn_of_idle_starts()
    for one, place in zip(built, reader.places, strict=True):
        lint_plan(one.plan, one.written, place, reader.findings)
    return Definition(tuple(plans), (*reader.findings.warnings, *reader.base_warnings), places)


def read_plan(source: Source, vocabulary: Vocabulary, *, name: str = "", as_child: bool = False) -> Plan:
    """Read the plan of a stored source again; `source.document` picks the document.

    Raises InvalidDefinition. `name` and `as_child` as in `read_definition`.
    """
    reader = _Reader(source, vocabulary, "base.yaml")
    index = min(source.document, max(0, reader.count - 1))
    built = reader.build(index, name, as_child)
    reader.raise_errors()
    return built.plan


class _Reader:
    """The documents of one text, read as they are asked for."""

    def __init__(self, source: Source, vocabulary: Vocabulary, base_path: str) -> None:
        text = source.text.removeprefix("\ufeff")
        self.source = replace(source, text=text, document=0)
        self.findings = Findings(text, source.path or "definition")
        self.reading = Reading(vocabulary, self.findings)
        self.base_path = base_path
        self.base, self.base_reading = _read_base(source.base, base_path, vocabulary)
        self.documents = read_documents(self.findings)
        if not self.documents and not self.findings.errors:
            self.findings.error(
                "no DAGs found in file", Place(), code="D004", hint="write at least `steps: []`"
            )
        self.raise_errors()
        self.count = len(self.documents)
        self.names = [_name_in(document) for document in self.documents]
        self.local = {
            its_name: replace(self.source, document=index)
            for index, its_name in enumerate(self.names)
            if index and its_name
        }

    @property
    def places(self) -> list[Place]:
        """Where each document starts."""
        return [doc.place if isinstance(doc, Map) else Place() for doc in self.documents]

    @property
    def base_raw(self) -> Map | None:
        """The base as it is written."""
        return None if self.base is None else self.base.raw

    @property
    def base_is_wrong(self) -> bool:
        """Whether the base has errors, so that little is certain about what stands above it."""
        return self.base_reading is not None and bool(self.base_reading.findings.errors)

    @property
    def base_warnings(self) -> tuple[Problem, ...]:
        """What is odd in the base, with its places there."""
        found = () if self.base_reading is None else self.base_reading.findings.warnings
        return tuple(replace(one, place=replace(one.place, file=self.base_path)) for one in found)

    def build(self, index: int, name: str, as_child: bool) -> Built:
        """The plan of one document; its problems go into the findings."""
        spec = _validated(self.documents[index], self.reading)
        if spec is None:
            return Built(Plan(name or self.names[index]), {})
        merged = self._merged(spec, as_child or index > 0)
        stem = PurePath(self.source.path).stem if self.source.path else "unnamed"
        source = replace(self.source, document=index)
        own_name = (spec.name or "").strip()
        return build_plan(merged, self.reading, Identity(name or own_name or stem, source, self.local))

    def check_names(self) -> None:
        """Every further document needs a name of its own."""
        seen: set[str] = set()
        for index, document in enumerate(self.documents):
            its_name = self.names[index]
            if not index or not isinstance(document, Map):
                continue
            if not its_name:
                message = f"DAG at index {index} must have a name in multi-DAG file"
                self.findings.error(message, document.place, code="D004")
            elif its_name in seen:
                place = document.value_place(document.written("name") or "name")
                self.findings.error(f'duplicate DAG name "{its_name}" found', place, code="D006")
            seen.add(its_name)

    def warn_of_idle_starts(self) -> None:
        """Only the first DAG of a file can be started by itself."""
        for document in self.documents[1:]:
            for key in ("schedule", "triggers", "fileTrigger"):
                if isinstance(document, Map) and (written := document.written(key)):
                    message = f"`{written}` has no effect here: only the first DAG of a file starts by itself"
                    hint = "give this DAG a file of its own"
                    place = document.key_place(written)
                    self.findings.warning(message, place, code="D074", hint=hint)

    def raise_errors(self) -> None:
        """Raise what is wrong with the text, else what is wrong with the base."""
        self.findings.raise_errors()
        if self.base_reading is not None:
            self.base_reading.findings.raise_errors()

    def _merged(self, spec: DagSpec, is_child: bool) -> Merged:
        base = self.base
        if base is not None and is_child and base.handler_on is not None:
            base = base.model_copy(update={"handler_on": None})
        return merge(spec, self.reading, base, self.base_reading)


def _read_base(text: str, path: str, vocabulary: Vocabulary) -> tuple[DagSpec | None, Reading | None]:
    if not text.strip():
        return None, None
    findings = Findings(text.removeprefix("\ufeff"), path)
    reading = Reading(vocabulary, findings)
    documents = read_documents(findings)
    findings.raise_errors()
    base = _validated(documents[0], reading) if documents else None
    for further in documents[1:]:
        findings.warning(
            "only the first document of the base config counts",
            getattr(further, "place", Place()),
            code="D343",
            hint="put it into the first one, or into the DAG files",
        )
    findings.raise_errors()
    return base, reading


def _validated(document: Any, reading: Reading) -> DagSpec | None:
    if not isinstance(document, Map):
        place = getattr(document, "place", Place())
        reading.findings.error(f"a DAG must be a mapping, not {describe(document)}", place)
        return None
    return DagSpec.model_validate(document, context=reading)


def _name_in(document: Any) -> str:
    key = document.written("name") if isinstance(document, Map) else None
    name = document[key] if key is not None else None
    return name.strip() if isinstance(name, str) else ""
