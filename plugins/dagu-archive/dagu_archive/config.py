"""What may stand under `config` of an archive step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from dagu_archive.formats import NAMES
from dagu_core import Config, Size


def _format(value: Any) -> Any:
    if not isinstance(value, str) or value.lower() in NAMES:
        return value.lower() if isinstance(value, str) else value
    raise ValueError(f"unknown format; known are {', '.join(NAMES)}")


Format = Annotated[str, BeforeValidator(_format), WithJsonSchema({"enum": ["", *NAMES]})]


class ArchiveConfig(Config):
    """What is packed or unpacked, how, and within which limits."""

    source: str = Field(min_length=1, description="File or folder to pack, or the archive to read.")
    destination: str = Field("", description="Archive to write, or folder to extract into (default: here).")
    format: Format = Field("", description="Format; otherwise its content or extension tells.")
    compression_level: int = Field(-1, ge=-1, description="How hard to compress; -1 is the format's default.")
    password: str | None = Field(None, description="Password of the archive; a new zip is encrypted with it.")
    overwrite: bool = Field(False, description="Replace files that exist already.")
    preserve_paths: bool = Field(True, description="Keep folders; false puts all files side by side.")
    strip_components: int = Field(0, ge=0, description="How many leading folders of each name to drop.")
    include: list[str] = Field([], description="Patterns of names to take; none means all.")
    exclude: list[str] = Field([], description="Patterns of names to leave out.")
    dry_run: bool = Field(False, description="Say what would be done and do nothing.")
    verbose: bool = Field(False, description="Write each name to stderr.")
    follow_symlinks: bool = Field(False, description="Pack what links point to instead of the links.")
    verify_integrity: bool = Field(False, description="Read the whole archive and check it.")
    continue_on_error: bool = Field(False, description="Leave out files that fail and go on.")
    reproducible: bool = Field(False, description="The same files always make the same bytes.")
    if_newer: bool = Field(False, description="Do only what is newer than what is there already.")
    checksum: Literal["", "sha256"] = Field(
        "", description="Write the checksum beside a new archive; check it before reading one."
    )
    allow_empty: bool = Field(False, description="Succeed although nothing was selected.")
    max_bytes: Size = Field(10 << 30, ge=1, description="How much may come out of an archive.")
    max_files: int = Field(1_000_000, ge=1, description="How many entries an archive may have.")
    max_ratio: float = Field(200, gt=0, description="How many times its own size an archive may become.")
    names: Literal["safe", "any"] = Field(
        "safe", description="`any` takes names that collide or have control characters."
    )
    special_bits: Literal["refuse", "drop"] = Field(
        "refuse", description="What to do about files with setuid or setgid bits."
    )
