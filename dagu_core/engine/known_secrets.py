"""The secrets a run knows, and its parameters with references in the place of their values.

A run's row is read by everybody: `RunSummary.params` shows seven stars where a secret was given. What
stood there is kept beside it as a reference to the secret's name, so that any process that may have
the secret finds the true value again: after a crash, for a retry, for another run like it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.base.errors import DaguError, Invalid
from dagu_core.base.masking import Masker, names_below, references, without_references
from dagu_core.contracts.secrets import SecretProvider, SecretScope
from dagu_core.engine.context import Params
from dagu_core.engine.kernel import forbid_dumps
from dagu_core.model.run.run import KEPT_PARAMS, PARAMS_JSON
from dagu_core.model.values.params import params_text

if TYPE_CHECKING:
    from dagu_core.engine.new_run import Launch
    from dagu_core.model.plan.plan import SecretRef
    from dagu_core.model.run.run import RunSummary

#: seconds one provider may take for one secret
PATIENCE = 30.0


class KnownSecrets(Struct, frozen=True):
    """`own` are the values of the DAG's secrets, `inherited` those of the runs above, known only to
    be masked; `wrong` says why one of them cannot be had ("" = nothing is)."""

    own: dict[str, str]
    inherited: Mapping[str, str]
    wrong: str
    masker: Masker

    @property
    def every(self) -> dict[str, str]:
        """All values by name. What is known above comes first: a value has the same name in every
        run below."""
        return {**self.inherited, **self.own}

    @property
    def too_short(self) -> tuple[str, ...]:
        """Those of its own that are not masked."""
        return tuple(name for name in self.masker.too_short if name in self.own)

    def below(self) -> dict[str, str]:
        """All values, by the names they have in a sub-DAG run."""
        return names_below(self.every)

    def keep(self, summary: RunSummary, params: Params) -> None:
        """Write the parameters of a run into its row, none of the values among them."""
        if KEPT_PARAMS in summary.extra and self.wrong:
            return  # what is kept already may refer to a secret that cannot be had now
        given = summary.extra.get(PARAMS_JSON, "")
        if self.masker.mask(given) != given:
            del summary.extra[PARAMS_JSON]
        kept = tuple(self._kept(name, value) for name, value in params)
        shown = tuple((without_references(name), without_references(value or "")) for name, value in kept)
        summary.params, summary.params_given = shown, params_text(shown)
        if shown == kept:
            summary.extra.pop(KEPT_PARAMS, None)
        else:
            summary.extra[KEPT_PARAMS] = json.dumps(kept)

    def _kept(self, name: str, value: str) -> tuple[str, str | None]:
        """What is kept of a parameter: its name and value, or one text of both."""
        hide = self.masker.tokenize
        if len(hide(whole := f"{name}={value}")) != len(hide(name)) + 1 + len(hide(value)):
            # A word that is the secret itself, with a `=` in it, was taken for a name and its value.
            return hide(whole), None
        return hide(name), hide(value)


async def known_secrets(
    launch: Launch, providers: Mapping[str, type[SecretProvider]], folder: Path, patience: float = PATIENCE
) -> KnownSecrets:
    """Ask the providers for the secrets of the DAG, which works in `folder`; `patience` = seconds
    for each. What cannot be had is told, not raised."""
    path = launch.plan.source.path
    scope = SecretScope(launch.environ, (folder, Path(path).parent) if path else (folder,))
    asked = launch.plan.secrets
    answers = await asyncio.gather(
        *(secret_value(ref, providers, scope, patience) for ref in asked), return_exceptions=True
    )
    own = {ref.name: value for ref, value in zip(asked, answers, strict=True) if isinstance(value, str)}
    wrong = next((str(answer) or _kind(answer) for answer in answers if not isinstance(answer, str)), "")
    if own or launch.inherited:
        forbid_dumps()
    return KnownSecrets(own, launch.inherited, wrong, Masker({**launch.inherited, **own}))


async def secret_value(
    ref: SecretRef,
    providers: Mapping[str, type[SecretProvider]],
    scope: SecretScope,
    patience: float = PATIENCE,
) -> str:
    """The value of a secret. Raises DaguError naming the secret, never its value."""
    provider = providers.get(ref.provider)
    if provider is None:
        known = ", ".join(sorted(providers)) or "none"
        raise Invalid(f"secret {ref.name}: unknown provider {ref.provider!r}", hint=f"known: {known}")
    try:
        async with asyncio.timeout(patience):
            value = await provider().resolve(ref, scope)
    except DaguError as error:
        text = str(error)
        told = text if ref.name in text else f"secret {ref.name}: {text}"
        raise Invalid(told, hint=error.hint) from None
    except (Exception, SystemExit) as error:
        # Its text may hold the value: only what kind of error it is gets told.
        cause = f"no answer within {patience:g} s" if isinstance(error, TimeoutError) else _kind(error)
        raise Invalid(f"secret {ref.name}: provider {ref.provider}: {cause}") from None
    if not isinstance(value, str):
        raise Invalid(f"secret {ref.name}: provider {ref.provider} gave a {_kind(value)}, not a text")
    return value


def _kind(thing: object) -> str:
    return type(thing).__name__


def true_params(params: Params, extra: Mapping[str, str], secrets: KnownSecrets | None) -> Params:
    """The parameters of a run with their true values. Raises Invalid when one holds a secret that
    is not known here."""
    if KEPT_PARAMS not in extra:
        return params
    masker = secrets.masker if secrets else Masker({})
    kept = json.loads(extra[KEPT_PARAMS])
    for (name, value), (shown, _) in zip(kept, params, strict=True):
        if references(name + (value or "")) - masker.names:
            raise Invalid(f"parameter {shown}: the secret in it cannot be had")
    return tuple(_restored(masker, name, value) for name, value in kept)


def _restored(masker: Masker, name: str, value: str | None) -> tuple[str, str]:
    if value is not None:
        return masker.restore(name), masker.restore(value)
    name, _, value = masker.restore(name).partition("=")
    return name, value
