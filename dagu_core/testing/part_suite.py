"""What every part must keep, of whatever kind: its word, its model, its page, its import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from pydantic import BaseModel, ValidationError

from dagu_core.contracts.part import Part

#: floors of the core that a plugin has no business with
_INNER = ("dagu_core.engine", "dagu_core.app", "dagu_core.cli")
#: imports the module of a part after all that the core imports anyway, and tells what that cost
_IMPORT = """
import sys, time
import dagu_core
for name in dagu_core.__all__:
    getattr(dagu_core, name)
began = time.process_time()
{load}
print(time.process_time() - began, *[name for name in {unwanted!r} if name in sys.modules])
"""


class PartSuite:
    """The tests all kinds of parts share. `folder` is a fresh folder of the test."""

    #: packages that must be imported inside methods, not with the plugin; what the package of the
    #: part depends on counts without being named here
    heavy: ClassVar[tuple[str, ...]] = ()
    #: processor seconds the import of the part's module may take beyond that of the core
    import_budget: ClassVar[float] = 0.15

    folder: Path

    @property
    def part(self) -> type[Part]:
        """The class under test."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _new_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def test_it_has_a_name_and_a_description(self) -> None:
        # Not what `inspect.getdoc` says: that would be the page of the base class.
        assert self.part.name and (self.part.__doc__ or "").strip()

    def test_every_field_has_a_description(self) -> None:
        missing = [
            f"{model.__name__}.{name}"
            for model in self._models()
            for name, field in model.model_fields.items()
            if not field.description
        ]
        assert missing == []

    def test_unknown_keys_are_refused(self) -> None:
        lenient = [each.__name__ for each in self._models() if each.model_config.get("extra") != "forbid"]
        assert lenient == []
        with pytest.raises(ValidationError, match="noSuchKey"):
            self.part.Config.model_validate({"noSuchKey": 1}, context={"phase": "read"})

    def test_its_schema_is_json(self) -> None:
        schema = self.part.Config.model_json_schema()
        assert json.loads(json.dumps(schema))["additionalProperties"] is False

    def test_its_import_is_light(self) -> None:
        _, loaded = self._import()
        assert loaded == [], "import these inside the methods that use them"

    def test_its_import_keeps_the_budget(self) -> None:
        # The best of three: other work on the machine only ever makes it slower.
        assert min(self._import()[0] for _ in range(3)) <= self.import_budget

    def _import(self) -> tuple[float, list[str]]:
        module = self.part.__module__
        load = f"import {module}"
        if module.startswith("dagu_single_file_"):
            load = f"import runpy; runpy.run_path({sys.modules[module].__file__!r})"
        code = _IMPORT.format(load=load, unwanted=(*self.heavy, *_dependencies(module), *_INNER))
        path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        spent, *loaded = done.stdout.split()
        return float(spent), loaded

    def _models(self) -> list[type[BaseModel]]:
        return models_of(self.part.Config, *getattr(self.part, "step_fields", {}).values())


def models_of(*roots: type[BaseModel]) -> list[type[BaseModel]]:
    """The models and all that are inside them."""
    found: dict[type[BaseModel], None] = {}
    waiting: list[Any] = [*roots]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, BaseModel):
            if each not in found:
                found[each] = None
                waiting += [field.annotation for field in each.model_fields.values()]
        else:
            waiting += get_args(each)
    return list(found)


def _dependencies(module: str) -> list[str]:
    """Import names of what the package of a module requires and the core does not."""
    ours = _required("dagu")
    names: list[str] = []
    for package in _required(module.partition(".")[0]) - ours:
        try:
            files = metadata.distribution(package).files or []
        except metadata.PackageNotFoundError:
            continue
        tops = {file.parts[0].partition(".")[0] for file in files if file.suffix in (".py", ".so")}
        names += sorted(top for top in tops if top.isidentifier() and not top.startswith("_"))
    return names


def _required(package: str) -> set[str]:
    """The packages a package requires without extras; none when it is not installed."""
    try:
        lines = metadata.requires(package.replace("_", "-")) or []
    except metadata.PackageNotFoundError:
        return set()
    needed = [line for line in lines if "extra ==" not in line]
    return {re.split(r"[\[<>=!~; (]", line, maxsplit=1)[0].lower().replace("_", "-") for line in needed} | {
        "dagu"
    }
