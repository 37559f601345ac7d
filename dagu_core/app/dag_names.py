"""Finds the file of a DAG by the `name` that stands in it, for those who know no file of that name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.base.errors import DaguError

if TYPE_CHECKING:
    from dagu_core.app.dags import Dags

_NAME = re.compile(r"""name[ \t]*:[ \t]+(['"]?)([^'"#\n]+?)\1[ \t]*(?:#.*)?""")


def files_of(dags: Dags, name: str) -> list[Path]:
    """The files of the DAGs folder that define a DAG of this name, sorted."""
    found = []
    for stem in dags.names():
        for path in dags.files_named(stem)[:1]:
            try:
                if name in (text := dags.text_of(path)) and _name_in(dags, path, text) == name:
                    found.append(path)
            except DaguError:
                continue  # nobody can read it
    return found


def written_name(text: str) -> str:
    """The name in the first document of a text that may be broken; "" when it holds none."""
    begun = False
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("---") and begun:
            break
        begun = begun or not line.startswith(("#", "---", "%"))
        if (found := _NAME.fullmatch(line)) is not None:
            return found[2].strip()
    return ""


def _name_in(dags: Dags, path: Path, text: str) -> str:
    try:
        return dags.check(text, path=str(path), lint=False).plans[0].name
    except DaguError:
        return written_name(text)
