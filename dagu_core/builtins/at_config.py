"""What may stand under `at`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, field_validator

from dagu_core import Config


class AtConfig(Config):
    """One instant."""

    at: str = Field(
        description="RFC 3339, such as 2026-12-01T08:00:30+01:00; without an offset in the zone of the DAG."
    )

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no time such as 2026-12-01T08:00:30+01:00") from None
        return text.strip()
