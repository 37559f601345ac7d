"""Finds, reads and checks definitions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from dagu_core.app.kept_plans import KeptPlans
from dagu_core.base.errors import DaguError, Invalid, NotFound, UsageError
from dagu_core.base.places import InvalidDefinition, Problem
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import definition_key
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.plan import Plan, Source
from dagu_core.model.spec.decode import decode
from dagu_core.model.spec.vocabulary import Vocabulary

if TYPE_CHECKING:
    from dagu_core.app.requests import Given

T = TypeVar("T")

SUFFIXES = (".yaml", ".yml")
#: plans kept in memory; a fan-out calls the same few again and again
_KEPT = 64


class Dags:
    """The definitions of one DAGs folder (and of any file named by its path); in the folder `kept` is
    what came of those that were read before."""

    def __init__(self, folder: Path, base_config: Path, host: PluginHost, kept: Path | None = None) -> None:
        self.folder, self.base_config, self.host = folder, base_config, host
        self._kept = KeptPlans(kept, base_config) if kept is not None else None
        self._plans: dict[tuple[str, bool, str], Plan] = {}

    def resolve(self, ref: str) -> Path:
        """The file of a DAG given by path, by the name of its file, or else by the `name` that stands in
        it. Raises NotFound, and UsageError when several files hold that name."""
        if not ref or "\0" in ref:
            raise NotFound("no DAG was named", hint="give the name of a DAG or the path of its file")
        path = Path(os.path.expanduser(ref))
        candidates = [path] if path.is_absolute() else [Path.cwd() / path, *self._in(self.folder, ref)]
        for candidate in candidates:
            if _is_definition(candidate):
                return Path(os.path.normpath(candidate))
        if os.sep not in ref and not ref.endswith(SUFFIXES):
            from dagu_core.app.dag_names import files_of

            if len(named := files_of(self, ref)) == 1:
                return named[0]
            if named:
                files = ", ".join(each.name for each in named)
                hint = "give the name of the file"
                raise UsageError(f"several files define a DAG {ref!r}: {files}", hint=hint)
        raise NotFound(
            f"there is no DAG {ref!r}", hint=f"looked for {', '.join(str(path) for path in candidates)}"
        )

    @staticmethod
    def _in(folder: Path, ref: str) -> list[Path]:
        if ref.endswith(SUFFIXES):
            return [folder / ref]
        return [folder / f"{ref}{suffix}" for suffix in SUFFIXES]

    def read(self, ref: str, *, name: str = "", given: Given | None = None, keep: bool = False) -> Definition:
        """Read and check a definition; `given` and `keep` as for `check`. Raises NotFound,
        InvalidDefinition."""
        path = self.resolve(ref)
        return self.check(self.text_of(path), path=str(path), name=name, given=given, keep=keep and not name)

    def check(
        self,
        text: str,
        *,
        path: str = "",
        name: str = "",
        base: str | None = None,
        as_child: bool = False,
        lint: bool = True,
        given: Given | None = None,
        keep: bool = False,
    ) -> Definition:
        """Check a definition text; `given` is what a start brings along, with `keep` the next reading
        may be spared and has no places then. Raises InvalidDefinition with every problem.

        Without `lint` plugins are not asked for findings, and parameters are not held against their
        schema: some of that depends on more than the text, and what is kept for long would never hear
        that a missing file has come.
        """
        base = self.base_text() if base is None else base
        source = Source(text.removeprefix("\ufeff"), path, 0, base)
        self.host.for_text(text, base)
        # A plugin that judges every plan needs the places of what it finds.
        kept = self._kept if keep and not self.host.has_judges else None
        if kept is not None and (found := kept.find(source, self.host.builtins)) is not None:
            return found
        try:
            definition = self._read(source, name, as_child)
        except InvalidDefinition as error:
            raise (self._with_findings(error, given) if lint else error) from None
        if kept is not None:
            kept.keep(definition, source, self.host.builtins)
        if not lint:
            return definition
        findings = self._findings(definition, given)
        if errors := [found for found in findings if found.severity == "error"]:
            raise InvalidDefinition(errors, file=path, text=text)
        return replace(definition, warnings=definition.warnings + findings) if findings else definition

    def _with_findings(self, error: InvalidDefinition, given: Given | None) -> InvalidDefinition:
        """The error with what is found in the rest of its text."""
        from dagu_core.model.plan.sound import Unsound
        from dagu_core.model.spec.findings import MAX_PROBLEMS

        if not isinstance(error, Unsound) or len(error.problems) >= MAX_PROBLEMS:
            return error
        return error.and_also(self._findings(error.rest, given))

    def _findings(self, definition: Definition, given: Given | None) -> tuple[Problem, ...]:
        """What plugins find, and what is wrong with parameters."""
        from dagu_core.model.spec.findings import hinted

        plans = list(zip(definition.plans, definition.places, strict=True))
        findings = tuple(found for plan, places in plans for found in self.host.lint(plan, places))
        if any(plan.params.schema is not None for plan in definition.plans):
            from dagu_core.app.param_rules import problems_of

            for index, (plan, places) in enumerate(plans):
                findings += tuple(problems_of(plan, places, None if index else given))
        return tuple(map(hinted, findings))

    def _read(self, source: Source, name: str, as_child: bool) -> Definition:
        from dagu_core.model.spec.read import read_definition

        return self._knowing(
            lambda words: read_definition(
                source.text,
                path=source.path,
                vocabulary=words,
                base=source.base,
                base_path=str(self.base_config),
                name=name,
                as_child=as_child,
            ),
            source.text,
            source.base,
        )

    def text_of(self, path: Path) -> str:
        """The text of a definition file as YAML. Raises NotFound, Invalid, InvalidDefinition."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotFound(f"cannot read {path}: {error.strerror}") from None
        text = decode(data, str(path))
        written = self.host.read_source(path, text)
        return text if written is None else written

    def base_text(self) -> str:
        """The text of base.yaml, "" when there is none."""
        try:
            return decode(self.base_config.read_bytes(), str(self.base_config))
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise Invalid(f"cannot read {self.base_config}: {error.strerror}") from None

    def name_of(self, ref: str) -> str:
        """The DAG name meant by a file, by the name of a file in the DAGs folder, or by itself."""
        is_file = ref.endswith(SUFFIXES) or os.sep in ref or (Path(ref).suffix and _is_definition(Path(ref)))
        if not is_file and not self.files_named(ref):
            return ref
        try:
            return self.read(ref).plans[0].name
        except NotFound:
            return Path(ref).stem if ref.endswith(SUFFIXES) else ref
        except DaguError:
            # A definition that is broken now still has runs from when it was not.
            return self.name_of_broken(self.resolve(ref))

    def name_of_broken(self, path: Path) -> str:
        """The name of the DAG of a file that may be invalid, as far as it can be told."""
        from dagu_core.app.dag_names import written_name

        try:
            return written_name(self.text_of(path)) or path.stem
        except DaguError:
            return path.stem

    def files_named(self, ref: str) -> list[Path]:
        """The files of a name in the DAGs folder, the one that counts first."""
        return [path for path in self._in(self.folder, ref) if _is_definition(path)]

    def names(self) -> list[str]:
        """The names of the files in the DAGs folder, without suffix, sorted."""
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return []
        return sorted(
            entry.name.rpartition(".")[0]
            for entry in entries
            if entry.name.endswith(SUFFIXES) and _is_definition(Path(entry.path))
        )

    def dangling(self) -> dict[str, str]:
        """The links of the DAGs folder that look like definitions and lead nowhere: name of the file ->
        where it leads."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(SUFFIXES))
        except OSError:
            return {}
        found = {name: target_of(self.folder / name) for name in names}
        return {name: target for name, target in found.items() if target}

    def plan_of(self, source: Source, *, name: str = "", as_child: bool = False) -> Plan:
        """The plan of a stored source, read once. Raises InvalidDefinition."""
        key = (definition_key(source), as_child, name)
        plan = self._plans.get(key)
        if plan is None:
            from dagu_core.model.spec.read import read_plan

            plan = self._knowing(
                lambda words: read_plan(source, words, name=name, as_child=as_child), source.text, source.base
            )
            if len(self._plans) >= _KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = plan
        return plan

    def _knowing(self, read: Callable[[Vocabulary], T], *texts: str) -> T:
        """What `read` makes of the words of those plugins that stand in the texts.

        Only when something is wrong with them are all plugins imported, to tell it as it is.
        """
        try:
            return read(self.host.for_text(*texts).vocabulary)
        except InvalidDefinition:
            if self.host.is_complete:
                raise
            return read(self.host.complete(again=True).vocabulary)

    def child(self, target: str, parent: Plan) -> Plan:
        """The plan a sub-DAG step calls: a document of the same file, else a file beside the
        parent's or in the DAGs folder. Raises NotFound, InvalidDefinition."""
        if target in parent.local:
            return self.plan_of(parent.local[target], as_child=True)
        path = Path(os.path.expanduser(target))
        folders = [self.folder]
        if parent.source.path:
            folders.insert(0, Path(parent.source.path).parent)
        candidates = [path] if path.is_absolute() else [c for f in folders for c in self._in(f, target)]
        for candidate in candidates:
            if _is_definition(candidate):
                found = Path(os.path.normpath(candidate))
                return self.plan_of(
                    Source(self.text_of(found), str(found), 0, self.base_text()), as_child=True
                )
        raise NotFound(
            f"DAG {target} not found", hint=f"looked for {', '.join(str(path) for path in candidates)}"
        )


def target_of(path: Path) -> str:
    """Where a link leads, when there is nothing; "" for everything else."""
    try:
        return "" if path.exists() else os.readlink(path)
    except OSError:
        return ""  # no link, or gone


def _is_definition(path: Path) -> bool:
    """A regular file; a FIFO or device is never opened."""
    try:
        return path.is_file()
    except OSError:
        return False
