"""What was given: on the command line, by a variable, in a file; flag > environment > file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu_core.base.settings.document import Node
from dagu_core.base.settings.section import Declared, folded
from dagu_core.deprecated import old_key, old_variable


class Given:
    """Finds the value of a setting and where it was given; keeps what should be told of that."""

    def __init__(self, document: Node, environ: Mapping[str, str], flags: Mapping[str, Any]) -> None:
        self.document = document
        #: what should be told, in order, each once
        self.told: dict[str, None] = {}
        self._environ = environ
        self._flags = {folded(name): value for name, value in flags.items()}

    def find(self, item: Declared) -> tuple[Any, str, Node | None] | None:
        """The value that wins, where it comes from, its node if that is a file; None = not given."""
        for key in (item.key, *item.old_keys):
            if (value := self._flags.get(folded(key))) is not None:
                return value, f"flag {item.key}", None
        # an empty variable counts as not set, as everywhere else in this language
        for name in item.env:
            if value := self._environ.get(name):
                return value, name, None
        for name in item.old_env:
            if value := self._environ.get(name):
                now = item.env[0] if item.env else item.key
                self.tell(str(old_variable(name, now)))
                return value, name, None
        for key in (item.key, *item.old_keys):
            node = self.document.find(folded(key))
            if node is None or node.data is None:
                continue
            if key != item.key:
                self.tell(f"{node.where}: {old_key(key, item.key)}")
            return node.data, node.where, node
        return None

    def tell(self, warning: str) -> None:
        """Keep something people should know."""
        self.told[warning] = None
