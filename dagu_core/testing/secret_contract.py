"""`SecretProviderContract`: inherit it, say where a secret is, and the provider is proven."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dagu_core.base.encodings import variants
from dagu_core.base.errors import DaguError
from dagu_core.contracts.part import Part
from dagu_core.contracts.secrets import SecretProvider, SecretScope
from dagu_core.model.plan.plan import SecretRef
from dagu_core.testing.executor_suite import given
from dagu_core.testing.harness import environment, offering, run_step
from dagu_core.testing.part_suite import PartSuite


class SecretProviderContract(PartSuite):
    """What every secret provider must keep. A reference is what a file says beside `name` and
    `provider`: `{"key": ...}` and options."""

    provider: ClassVar[type[SecretProvider]]
    #: whether the core itself offers it
    is_builtin: ClassVar[bool] = False
    #: OS environment of the engine; part of the scope
    environ: ClassVar[Mapping[str, str]] = {}

    @property
    def part(self) -> type[Part]:
        return self.provider

    def good_reference(self) -> Mapping[str, str]:
        """A reference to a secret that exists."""
        raise NotImplementedError

    def value(self) -> str:
        """The value of that secret: at least eight characters that occur nowhere else."""
        raise NotImplementedError

    def missing_reference(self) -> Mapping[str, str]:
        """A reference that is written well, to a secret that does not exist."""
        raise NotImplementedError

    def wrong_reference(self) -> Mapping[str, str] | None:
        """A reference that can be seen to be wrong without looking anything up."""
        return None

    def test_the_value_is_found(self) -> None:
        assert self._resolve(self.good_reference()) == self.value()

    def test_what_is_missing_is_an_error_with_a_message(self) -> None:
        with pytest.raises(DaguError) as caught:
            self._resolve(self.missing_reference())
        assert str(caught.value)
        assert self.value() not in f"{caught.value}{caught.value.hint}{caught.value.details}"

    def test_good_references_pass_the_check(self) -> None:
        assert self.provider().check(self._ref(self.good_reference())) == ""
        assert self.provider().check(self._ref(self.missing_reference())) == ""

    def test_wrong_references_do_not_pass_the_check(self) -> None:
        reference = given(self.wrong_reference(), "wrong_reference")
        assert self.provider().check(self._ref(reference))

    def test_the_check_looks_nothing_up(self) -> None:
        ref, touched = self._ref(self.good_reference()), []

        def touch(*arguments: Any, **_: Any) -> Any:
            touched.append(arguments)
            raise OSError("not now")

        places = ((socket.socket, "connect"), (Path, "open"), (Path, "stat"), (builtins, "open"))
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError):
            for owner, name in places:
                patch.setattr(owner, name, touch)
            self.provider().check(ref)
        assert touched == [], "`check` is called when a file is read: no I/O"

    def test_the_value_is_in_no_row_and_no_log(self) -> None:
        secret = {"name": "TOKEN", "provider": self.provider.name, **self.good_reference()}
        result = run_step(
            {"command": 'echo "it is $TOKEN"; echo "it is $TOKEN" >&2; exit 3'},
            plugins=() if self.is_builtin else (offering(self.provider),),
            dag={"secrets": [secret]},
            environ=self.environ,
            secrets=[self.value()],
        )
        assert result.step.exit_code == 3, result.view.summary.error
        assert result.stdout == b"it is *******\n"
        assert result.leaks == ()
        assert result.left == ()

    def test_a_missing_secret_fails_the_run_before_its_first_step(self) -> None:
        secret = {"name": "TOKEN", "provider": self.provider.name, **self.missing_reference()}
        ran = self.folder / "ran"
        result = run_step(
            {"command": f"touch '{ran}'"},
            plugins=() if self.is_builtin else (offering(self.provider),),
            dag={"secrets": [secret]},
            environ=self.environ,
        )
        assert result.view.summary.status.label == "failed"
        assert result.view.summary.error and not ran.exists()
        assert not any(form.decode() in result.view.summary.error for form in variants(self.value()))

    def _ref(self, reference: Mapping[str, str]) -> SecretRef:
        options = {key: value for key, value in reference.items() if key != "key"}
        return SecretRef("TOKEN", self.provider.name, reference["key"], options)

    def _resolve(self, reference: Mapping[str, str]) -> str:
        scope = SecretScope(environment(self.folder, self.environ), (self.folder,))
        return asyncio.run(self.provider().resolve(self._ref(reference), scope))
