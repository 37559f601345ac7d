"""The secrets of a DAG: each named once, and kept by somebody who is here."""

from __future__ import annotations

from dagu_core.model.plan.plan import ParamsSpec, SecretRef
from dagu_core.model.spec.merge import Merged
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.suggest import suggestion


def check_secrets(merged: Merged, reading: Reading) -> None:
    """Put what is wrong with them into the findings of the file they stand in."""
    seen: set[str] = set()
    params = {param.name for param in (merged.spec.params or ParamsSpec()).defaults}
    own_providers = merged.extras.get("secretProviders") or {}
    own = merged.own.secrets
    its_reading = reading if own or merged.base_reading is None else merged.base_reading
    findings = its_reading.findings
    for secret in merged.spec.secrets:
        raw = secret.raw
        if secret.name in seen:
            findings.error(f'duplicate secret name "{secret.name}"', raw.value_place("name"), code="D006")
        seen.add(secret.name)
        if secret.name in params:
            findings.error(
                f"`{secret.name}` is both a secret and a parameter",
                raw.value_place("name"),
                code="D262",
                hint="rename one of the two",
            )
        if secret.provider in reading.vocabulary.providers:
            ref = SecretRef(secret.name, secret.provider, secret.key, secret.options)
            if wrong := reading.vocabulary.check_secret(ref):
                findings.error(f"secret `{secret.name}`: {wrong}", raw.value_place("key"), code="D005")
        elif secret.provider not in own_providers:
            key = raw.fields["provider"]
            if not its_reading.missing_plugin(secret.provider, raw.value_place(key)):
                findings.error(
                    f"unknown secret provider `{secret.provider[:40]}`",
                    raw.value_place(key),
                    code="D014",
                    hint=suggestion(secret.provider, reading.vocabulary.providers),
                )
