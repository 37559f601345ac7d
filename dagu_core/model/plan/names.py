"""Names and ids of steps: given, made up, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagu_core.base.places import Place
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.step import StepSpec

MAX_NAME_BYTES = 40
RESERVED_IDS = frozenset({"env", "params", "args", "stdout", "stderr", "output", "outputs"})
_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def name_steps(
    steps: Sequence[tuple[StepSpec, int]], words: Sequence[str], taken: frozenset[str], findings: Findings
) -> list[str]:
    """The names of the steps, in order.

    Each step comes with the index of its item in the file; a step without a name gets
    `<word>_<number>`, counting up from that index + 1 past every name in use. `taken` are names
    the handlers of the DAG have.
    """
    given = [(spec.name or "").strip() for spec, _ in steps]
    _check_names(steps, given, taken, findings)
    used, last = set(given) | taken, dict[str, int]()
    names = []
    for (_, item), name, word in zip(steps, given, words, strict=True):
        if not name:
            number = max(item + 1, last.get(word, 0) + 1)
            while f"{word}_{number}" in used:
                number += 1
            last[word], name = number, f"{word}_{number}"
        names.append(name)
    return names


def _check_names(
    steps: Sequence[tuple[StepSpec, int]], given: list[str], taken: frozenset[str], findings: Findings
) -> None:
    seen: dict[str, Place] = {}
    for (spec, _), name in zip(steps, given, strict=True):
        if not name:
            continue
        place = field_place(spec, "name")
        if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
            message = f"step name must be at most 40 characters: `{name[:60]}` has {len(name)}"
            findings.error(message, place, code="D006", hint=f"at most {MAX_NAME_BYTES} bytes in UTF-8")
        elif _CONTROL.search(name):
            findings.error(f"step name must be one line of text: {name!r}", place, code="D006")
        elif name in taken:
            findings.error(f"step name `{name}` is the name of a handler", place, code="D006")
        if (first := seen.get(name)) is not None:
            message = f"step name must be unique: `{name}` is already used at {first.line}:{first.column}"
            findings.error(message, place, code="D006", length=len(name))
        seen.setdefault(name, place)


def check_ids(
    steps: Sequence[tuple[StepSpec, int]], names: Sequence[str], findings: Findings
) -> dict[str, int]:
    """Index of each step by its id; what is wrong with ids goes into `findings`."""
    by_name = {name: index for index, name in enumerate(names)}
    by_id: dict[str, int] = {}
    for index, (spec, _) in enumerate(steps):
        if not spec.id:
            continue
        place, message = field_place(spec, "id"), ""
        if not _ID.fullmatch(spec.id):
            message = (
                f"invalid step ID format: `{spec.id[:60]}` must be a letter, then letters, digits, `_`, `-`"
            )
        elif spec.id.lower() in RESERVED_IDS:
            message = f"step ID '{spec.id}' is a reserved word"
        elif spec.id in by_id:
            first = field_place(steps[by_id[spec.id]][0], "id")
            message = f"duplicate step ID: {spec.id}, already used at {first.line}:{first.column}"
        elif by_name.get(spec.id, index) != index:
            message = f"step ID '{spec.id}' conflicts with another step's name"
        if message:
            findings.error(message, place, code="D006", length=len(spec.id))
        by_id.setdefault(spec.id, index)
    return by_id


def field_place(spec: StepSpec, field: str) -> Place:
    """Where the value of a field stands; where the step stands when it is not given."""
    key = spec.raw.fields.get(field)
    return spec.raw.value_place(key) if key is not None else spec.raw.place
