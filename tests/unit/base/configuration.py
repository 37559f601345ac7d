"""Settings of a home that is made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagu_core.base.settings import Settings


def load(home: Path, text: str = "", environ: dict[str, str] | None = None, **more: Any) -> Settings:
    home.mkdir(exist_ok=True)
    if text:
        (home / "config.yaml").write_text(text, encoding="utf-8")
    environ = {"HOME": str(home / "user"), "DAGU_HOME": str(home)} | (environ or {})
    return Settings.load(environ=environ, **more)


def source(settings: Settings, key: str) -> tuple[Any, str]:
    return next((value, where) for name, value, where in settings.explain() if name == key)
