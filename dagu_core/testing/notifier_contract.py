"""`NotifierContract`: inherit it, say how your DAG key is used, and it is proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from dagu_core.base.encodings import variants
from dagu_core.contracts.notifier import Notifier
from dagu_core.contracts.part import Part
from dagu_core.testing.executor_suite import given
from dagu_core.testing.harness import DAG, StepResult, offering, run_step
from dagu_core.testing.part_suite import PartSuite

Value = Mapping[str, Any]
_SECRET = "swordfish-0042/&'\"x"


class NotifierContract(PartSuite):
    """What every notifier must keep. Methods that return None by default are for what not every
    notifier can do; their tests are skipped then."""

    notifier: ClassVar[type[Notifier]]
    #: OS environment of the engine
    environ: ClassVar[Mapping[str, str]] = {}

    @property
    def part(self) -> type[Part]:
        return self.notifier

    def value(self) -> Value:
        """What stands under the key so that the end of every failed run is told."""
        raise NotImplementedError

    def delivered(self) -> Sequence[bytes]:
        """All that has arrived so far, readable (transfer encodings undone)."""
        raise NotImplementedError

    def dead_value(self) -> Value | None:
        """What stands there when nobody is at home: a port where nothing listens."""
        return None

    def test_the_end_of_a_run_is_told(self) -> None:
        before = len(self.delivered())
        result = self._run({"command": "exit 3"}, self.value())
        assert result.status == "failed"
        news = self.delivered()[before:]
        assert news and any(DAG.encode() in each for each in news), "name the DAG"
        assert result.left == ()

    def test_secrets_are_not_told(self) -> None:
        before = len(self.delivered())
        secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
        step = {"command": 'echo "it is $TOKEN"; echo "it is $TOKEN" >&2; exit 3'}
        environ = {**self.environ, "SOURCE": _SECRET}
        result = self._run(step, self.value(), dag={"secrets": secrets}, environ=environ, secrets=[_SECRET])
        news = b"\n".join(self.delivered()[before:])
        assert news
        assert [form for form in variants(_SECRET) if form in news] == []
        assert result.leaks == ()

    def test_nobody_at_home_changes_nothing(self) -> None:
        result = self._run({"command": "true"}, given(self.dead_value(), "dead_value"))
        assert (result.status, result.step.error) == ("succeeded", "")
        assert result.left == ()

    def _run(self, step: Mapping[str, Any], value: Value, **more: Any) -> StepResult:
        dag = {self.notifier.name: value, **more.pop("dag", {})}
        more.setdefault("environ", self.environ)
        return run_step(step, plugins=[offering(self.notifier)], dag=dag, **more)
