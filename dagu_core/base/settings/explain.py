"""How settings are told to people."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

from dagu_core.base.settings.document import Node
from dagu_core.base.settings.record import Record, fields
from dagu_core.base.settings.section import Declared, SettingsItem, SettingsSection, declarations, folded
from dagu_core.base.spelling import camel, fold

if TYPE_CHECKING:
    from pydantic import ValidationError


def shown(value: Any) -> Any:
    """`value` as plain data, secrets as ***."""
    match value:
        case Record():
            return {name: shown(getattr(value, name)) for name in fields(type(value))}
        case list() | tuple():
            return [shown(item) for item in value]
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case os.PathLike():
            return str(value)
    if hasattr(value, "get_secret_value"):  # pydantic has such types too
        return "***" if value.get_secret_value() else ""
    return value


def unknown_keys(document: Node, items: Sequence[Declared], others: Iterable[str] = ()) -> list[str]:
    """A line for each key of a file that is none of `items` or `others` (dotted keys), nor one of what
    stands in the lists of the items."""
    if not document.children:
        return []
    spellings = {folded(key): key for key in others}
    spellings |= {folded(key): key for item in items for key in (item.key, *item.old_keys)}
    sections = {path[:length] for path in spellings for length in range(1, len(path))}
    lines = []
    for path, node in document.leaves():
        if any(path[:length] in spellings for length in range(1, len(path) + 1)):
            continue
        if not node.data and (not path or path in sections):
            continue
        lines.append(_line(document, path, node, spellings))
    for item in items:
        if (given := document.find(item.path)) is not None:
            lines += _strangers(_spelled(document, item.path), given, item.annotation)
    return lines


def refusals(
    error: ValidationError,
    model: type[SettingsSection],
    nodes: Mapping[str, Node],
    sources: Mapping[str, str],
) -> list[tuple[str, str]]:
    """(field, sentence) of everything pydantic refuses; `nodes` maps fields that stand in a file to their
    values there, `sources` the keys of all that were given to where that was."""
    keys = {item.name: item.key for item in declarations(model)}
    found = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = problem["loc"] or ("",)
        name = str(first)
        key = keys.get(name, model.section)
        where = nodes[name].deepest(rest).where if name in nodes else sources.get(key, key)
        detail = ".".join(str(word) for word in (key, *rest))
        if problem["type"] == "missing" and not rest:
            variables = next((item.env for item in declarations(model) if item.key == key), ())
            ways = " or ".join(("in the configuration file", *(f"as {name}" for name in variables)))
            found.append((name, f"`{key}` must be given, {ways}"))
            continue
        found.append((name, f"{where}: {detail}: {problem['msg'].removeprefix('Value error, ')}"))
    return found


def _strangers(trail: str, given: Node, annotation: Any) -> Iterator[str]:
    """A line for each key that the items in the value of a setting do not have, however deep they are."""
    if isinstance(annotation, type) and issubclass(annotation, SettingsItem):
        from dagu_core.base.settings.judging import model_of

        names = {fold(name): name for name in fields(annotation)}
        known: dict[tuple[str, ...], str] = {(word,): camel(name) for word, name in names.items()}
        for word, node in given.children.items():
            key = f"{trail}.{node.key}"
            if word in names:
                yield from _strangers(key, node, model_of(annotation).model_fields[names[word]].annotation)
            else:
                yield f"{node.where}: unknown key `{key}`{did_you_mean((word,), known)}"
        return
    is_container = isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), Collection)
    for inner in get_args(annotation):
        if not is_container:  # a union
            yield from _strangers(trail, given, inner)
        else:
            for node in given.children.values():
                key = trail if given.is_list else f"{trail}.{node.key}"
                yield from _strangers(key, node, inner)


def item_model(item: Declared) -> type[SettingsItem] | None:
    """What stands in the list that a setting is."""
    models = (each for each in get_args(item.annotation) if isinstance(each, type))
    return next((each for each in models if issubclass(each, SettingsItem)), None)


def _line(document: Node, path: tuple[str, ...], node: Node, spellings: Mapping[tuple[str, ...], str]) -> str:
    return f"{node.where}: unknown key `{_spelled(document, path)}`{did_you_mean(path, spellings)}"


def _spelled(document: Node, path: tuple[str, ...]) -> str:
    """A folded path as it is written in the file."""
    nodes = (document.find(path[: length + 1]) for length in range(len(path)))
    return ".".join(each.key for each in nodes if each)


def did_you_mean(path: tuple[str, ...], spellings: Mapping[tuple[str, ...], str]) -> str:
    """A key of the same section with a like name, else the same name in another section."""
    beside = {known[-1]: key for known, key in spellings.items() if known[:-1] == path[:-1]}
    near = difflib.get_close_matches(path[-1], beside, n=1, cutoff=0.7)
    meant = (
        beside[near[0]] if near else next((k for known, k in spellings.items() if known[-1] == path[-1]), "")
    )
    return f". Did you mean `{meant}`?" if meant else ""
