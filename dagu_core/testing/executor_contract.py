"""`ExecutorContract`: inherit it, say how your step type is used, and it is proven.

class TestHttp(ExecutorContract):
    executor = HttpExecutor
    heavy = ("httpx",)

    def good_step(self) -> Step:
        return {"type": "http", "command": f"GET {self.server}/ok"}
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from dagu_core.contracts.executor import Executor
from dagu_core.contracts.offers import first_line
from dagu_core.testing.harness import StepResult, offering, run_step

Step = Mapping[str, Any]

#: floors of the core that a plugin has no business with
_INNER = ("dagu_core.engine", "dagu_core.app", "dagu_core.cli")
#: seconds a stop may take beyond the grace
_SLACK = 3.0
_GRACE = 2


class ExecutorContract:
    """What every step type must keep. The methods that return None by default are for what not
    every type can do; their tests are skipped then. `folder` is a fresh folder of the test."""

    #: the step type under test
    executor: ClassVar[type[Executor[Any]]]
    #: packages that must be imported inside `run`, not with the plugin
    heavy: ClassVar[tuple[str, ...]] = ()
    #: whether the core itself offers it
    is_builtin: ClassVar[bool] = False
    #: DAG-level keys, and further documents, of every DAG of this suite
    dag: ClassVar[Mapping[str, Any]] = {}
    documents: ClassVar[Sequence[Mapping[str, Any]]] = ()

    folder: Path

    def good_step(self) -> Step:
        """A step that succeeds."""
        raise NotImplementedError

    def failing_step(self) -> Step:
        """A step that fails because of what it does, not of how it is written."""
        raise NotImplementedError

    def long_step(self) -> Step | None:
        """A step that takes at least a minute unless it is stopped."""
        return None

    def printing_step(self, file: Path) -> Step | None:
        """A step that writes the content of `file` to stdout, byte for byte."""
        return None

    @pytest.fixture(autouse=True)
    def _new_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def run_step(self, step: Step, **more: Any) -> StepResult:
        """Run `step` in an app that has this step type."""
        dag = {"maxCleanUpTimeSec": _GRACE, **self.dag}
        plugins = () if self.is_builtin else (offering(self.executor),)
        return run_step(step, plugins=plugins, dag=dag, documents=self.documents, **more)

    # -- what it says of itself -------------------------------------------------------------------

    def test_it_has_a_name_and_a_description(self) -> None:
        assert self.executor.name and first_line(self.executor)

    def test_every_field_has_a_description(self) -> None:
        missing = [
            f"{model.__name__}.{name}"
            for model in _models(self.executor.Config)
            for name, field in model.model_fields.items()
            if not field.description
        ]
        assert missing == []

    def test_unknown_keys_are_refused(self) -> None:
        lenient = [
            each.__name__
            for each in _models(self.executor.Config)
            if each.model_config.get("extra") != "forbid"
        ]
        assert lenient == []
        with pytest.raises(ValidationError, match="noSuchKey"):
            self.executor.Config.model_validate({"noSuchKey": 1}, context={"phase": "read"})

    def test_its_schema_is_json(self) -> None:
        schema = self.executor.Config.model_json_schema()
        assert json.loads(json.dumps(schema))["additionalProperties"] is False

    def test_its_import_is_light(self) -> None:
        unwanted = (*self.heavy, *_INNER)
        code = (
            f"import sys, {self.executor.__module__}\n"
            f"print(*[name for name in {unwanted!r} if name in sys.modules])"
        )
        path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True)
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")

    # -- what it does -----------------------------------------------------------------------------

    def test_success(self) -> None:
        result = self.run_step(self.good_step())
        assert (result.status, result.step.error) == ("succeeded", "")
        assert result.left == ()

    def test_failure_is_an_outcome_and_no_exception(self) -> None:
        result = self.run_step(self.failing_step())
        assert result.status == "failed"
        assert result.outcome is not None
        assert result.outcome.ended == "exited", result.outcome.message
        assert result.step.error
        assert result.left == ()

    def test_a_stop_ends_it_within_the_grace(self) -> None:
        result = self.run_step(_or_skip(self.long_step(), "a step that takes long"), stop_after=0.3)
        assert result.status == "aborted"
        assert result.stopping <= _GRACE + _SLACK
        assert "step.abandoned" not in result.notes
        assert result.left == ()

    def test_a_timeout_ends_it_within_the_grace(self) -> None:
        step = {**_or_skip(self.long_step(), "a step that takes long"), "timeoutSec": 1}
        result = self.run_step(step)
        assert (result.status, result.step.exit_code) == ("failed", 124)
        assert "step.abandoned" not in result.notes
        assert result.left == ()

    @pytest.mark.parametrize("size", [0, 1, 64 << 10, 1 << 20])
    def test_output_arrives_whole(self, size: int) -> None:
        content = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
        assert self._printed(content) == content

    def test_bytes_that_are_no_text_arrive_as_they_are(self) -> None:
        content = bytes(range(256)) + "é€🙂".encode()[:-2] + b"\xff\xfe\n"
        assert self._printed(content) == content

    def test_secrets_are_masked_in_what_it_writes(self) -> None:
        secret = "swordfish-0042"
        file = self.folder / "content"
        file.write_bytes(f"before {secret} after\n".encode())
        step = _or_skip(self.printing_step(file), "a step that prints")
        dag = {"secrets": [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}], **self.dag}
        plugins = () if self.is_builtin else (offering(self.executor),)
        result = run_step(
            step, plugins=plugins, dag=dag, documents=self.documents, environ={"SOURCE": secret}
        )
        assert result.stdout == b"before ******* after\n"

    def _printed(self, content: bytes) -> bytes:
        file = self.folder / "content"
        file.write_bytes(content)
        result = self.run_step(_or_skip(self.printing_step(file), "a step that prints"))
        assert result.status == "succeeded", result.step.error
        return result.stdout


def _or_skip(step: Step | None, what: str) -> Step:
    if step is None:
        pytest.skip(f"the suite was given no {what.removeprefix('a ')}")
    return step


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and all that are inside it."""
    from typing import get_args

    found: dict[type[BaseModel], None] = {}
    waiting: list[Any] = [model]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, BaseModel):
            if each not in found:
                found[each] = None
                waiting += [field.annotation for field in each.model_fields.values()]
        else:
            waiting += get_args(each)
    return list(found)
