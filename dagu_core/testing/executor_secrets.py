"""No step type tells a secret: not in what it writes, not in messages, rows or logs."""

from __future__ import annotations

import base64

from dagu_core.testing.executor_suite import ExecutorSuite, Step, given
from dagu_core.testing.harness import StepResult

_SECRET = "swordfish-0042/&'\"x"


class SecretCases(ExecutorSuite):
    """A run has the secret TOKEN; afterwards every file of its home is searched."""

    def test_secrets_are_masked_in_what_it_writes(self) -> None:
        file = self.folder / "content"
        file.write_bytes(f"before {_SECRET} after\n".encode())
        result = self._run(given(self.printing_step(file), "printing_step"))
        assert result.stdout == b"before ******* after\n"
        assert result.leaks == ()

    def test_secrets_in_other_encodings_are_masked_too(self) -> None:
        file = self.folder / "content"
        file.write_bytes(b"it is " + base64.b64encode(_SECRET.encode()) + b"\n")
        result = self._run(given(self.printing_step(file), "printing_step"))
        assert result.stdout == b"it is *******\n"
        assert result.leaks == ()

    def test_secrets_are_in_no_message_row_or_log(self) -> None:
        result = self._run(given(self.leaking_step("${TOKEN}"), "leaking_step"))
        assert result.status == "failed"
        assert _SECRET not in result.step.error
        assert _SECRET not in repr(result.outcome)
        assert result.leaks == ()

    def _run(self, step: Step) -> StepResult:
        secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
        return self.run_step(step, dag={"secrets": secrets}, environ={"SOURCE": _SECRET}, secrets=[_SECRET])
