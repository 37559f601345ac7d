"""Configuration files as trees that remember where every value stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from dagu_core.base.errors import Invalid
from dagu_core.base.places import Place
from dagu_core.base.spelling import fold

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


_START = Place()


class Node(Struct):
    """A value of a file: a scalar, or children by folded key (a list: by index as text)."""

    key: str = ""
    file: str = ""
    place: Place = _START
    scalar: Any = None
    children: dict[str, Node] = field(default_factory=dict)
    is_list: bool = False

    @property
    def where(self) -> str:
        """`file:line:col`."""
        return f"{self.file}:{self.place.line}:{self.place.column}"

    @property
    def data(self) -> Any:
        """The value as plain data."""
        if self.is_list:
            return [child.data for child in self.children.values()]
        return {child.key: child.data for child in self.children.values()} if self.children else self.scalar

    def find(self, path: Sequence[str]) -> Node | None:
        """The node at a folded path."""
        node: Node | None = self
        for word in path:
            node = node.children.get(word) if node else None
        return node

    def deepest(self, path: Sequence[object]) -> Node:
        """The last node that exists on the way along `path`."""
        node = self
        for word in path:
            child = node.children.get(fold(str(word)))
            if child is None:
                break
            node = child
        return node

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """Every value that is no mapping, with its folded path."""
        if self.is_list or not self.children:
            yield path, self
            return
        for word, child in self.children.items():
            yield from child.leaves((*path, word))

    def merge(self, other: Node) -> None:
        """Put `other` on top: its mappings are joined in, its other values win."""
        for word, child in other.children.items():
            mine = self.children.get(word)
            if mine and mine.children and child.children and not (mine.is_list or child.is_list):
                mine.merge(child)
            else:
                self.children[word] = child


def read_document(path: Path, environ: Mapping[str, str]) -> Node:
    """The tree of a YAML file, `${NAME}` in texts replaced where `environ` knows the name.

    Raises Invalid, with the place, for what is no YAML or no mapping.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise Invalid(f"cannot read the configuration file {path}: {error}") from None
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return Node(file=str(path))
        if not isinstance(root, yaml.MappingNode):
            raise Invalid(f"{path}:1:1: a configuration file is a mapping of keys to values")
        return _tree(root, "", str(path), environ, loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Invalid(f"{path}:{line}:{column}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(f"{path}:1:1: {error}") from None
    finally:
        loader.dispose()


def _tree(yaml_node: Any, key: str, file: str, environ: Mapping[str, str], loader: Any) -> Node:
    import yaml

    mark = yaml_node.start_mark
    node = Node(key, file, Place(mark.line + 1, mark.column + 1))
    if isinstance(yaml_node, yaml.MappingNode):
        loader.flatten_mapping(yaml_node)
        node.scalar = {}
        for name_node, value_node in yaml_node.value:
            name = str(loader.construct_object(name_node, deep=True))
            node.children[fold(name)] = _tree(value_node, name, file, environ, loader)
    elif isinstance(yaml_node, yaml.SequenceNode):
        node.is_list = True
        for index, item in enumerate(yaml_node.value):
            node.children[str(index)] = _tree(item, str(index), file, environ, loader)
    else:
        value = loader.construct_object(yaml_node)
        node.scalar = _expand(value, environ) if isinstance(value, str) else value
    return node


def _expand(text: str, environ: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: environ.get(found[1], found[0]), text)
