"""What may stand under `config` of a database step."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from dagu_core import Config, Duration


def _listed(value: Any) -> Any:
    """A comma list, or a list, as a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed)]


class TlsConfig(Config):
    """How the connection is protected. `tls: off` is short for `tls: {mode: off}`."""

    mode: Literal["", "verify", "require", "off"] = Field(
        "",
        description="`verify`: encrypted, certificate and host name checked. `require`: encrypted, "
        "unchecked. `off`: in the clear. Unset: `verify`, but on this machine whatever the server does.",
    )
    ca: str = Field("", description="File of the authorities to trust; the system's when unset.")
    cert: str = Field("", description="File of our own certificate, for servers that ask for one.")
    key: str = Field("", description="File of the key of `cert`.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"mode": data} if isinstance(data, str | bool) else data

    @field_validator("mode", mode="before")
    @classmethod
    def _yaml_1_1(cls, value: Any) -> Any:
        # YAML reads a bare `off` as false.
        return ("verify" if value else "off") if isinstance(value, bool) else value


class ExpectConfig(Config):
    """What must be true of the result, or the step fails (and rolls back)."""

    rows: str | int | None = Field(None, description='How many rows: `5`, `">0"`, `"<=10"`, `"!=0"`.')
    value: str | int | float | None = Field(
        None, description="The first value of the first row: a text or number, or `>5` and the like."
    )


class ImportConfig(Config):
    """A file whose rows are put into a table."""

    spellings: ClassVar[dict[str, str]] = {"file": "input_file"}

    input_file: str = Field(description="The file, relative to the working folder of the step.")
    table: str = Field(description="The table, as `name` or `schema.name`, spelled as the database has it.")
    format: Literal["", "csv", "tsv", "jsonl"] = Field(
        "", description="How the file is written; told by the end of its name when unset."
    )
    has_header: bool = Field(True, description="csv, tsv: whether the first row names the columns.")
    columns: Names = Field(
        [], description="Columns of the table in the order of the file; the header's names when unset."
    )
    delimiter: str = Field("", max_length=1, description="csv: what stands between values; `,` when unset.")
    encoding: str = Field("utf-8-sig", description="Encoding of the file.")
    null_values: list[str] = Field(["", "\\N"], description="csv, tsv: texts that stand for NULL.")
    batch_size: int = Field(1000, ge=1, le=100_000, description="Rows sent at once.")
    on_conflict: Literal["error", "ignore", "replace"] = Field(
        "error", description="What to do with a row whose key is there already; `replace` updates it."
    )
    conflict_target: Names = Field(
        [], description="The columns of the key; needed by `replace`, MySQL uses all unique keys."
    )
    commit_every: int = Field(
        0, ge=0, description="Commit after that many rows; 0 = one transaction for the whole file."
    )

    @model_validator(mode="after")
    def _replace_needs_a_key(self) -> ImportConfig:
        if self.on_conflict == "replace" and not self.conflict_target:
            raise ValueError("`onConflict: replace` needs `conflictTarget`, the columns of the key")
        return self


class SqlConfig(Config):
    """How to reach a database, and what to do with parameters and results."""

    spellings: ClassVar[dict[str, str]] = {"url": "dsn", "isolation": "isolation_level"}

    dsn: str = Field(min_length=1, repr=False, description="The address of the database; see below.")
    password: str = Field(
        "", repr=False, description="The password, when it should not stand in `dsn`. Needs no escapes."
    )
    tls: TlsConfig | None = Field(None, description="How the connection is protected.")
    connect_timeout: Duration = Field(10.0, ge=1, description="Seconds to wait for the connection.")
    file: str = Field("", description="A file of statements, run after those of the step.")
    params: dict[str, Any] | list[Any] | None = Field(
        None, repr=False, description="Values of `:name` (a mapping) or of `?` and `$1` (a list), bound."
    )
    timeout: Duration = Field(
        60.0, ge=0, description="Seconds (or `5m`) one statement may take with all its rows; 0 = no limit."
    )
    transaction: bool = Field(False, description="Run everything in one transaction: all or nothing.")
    isolation_level: Literal["", "readuncommitted", "readcommitted", "repeatableread", "serializable"] = (
        Field("", description="Isolation of the transaction, e.g. `serializable`; the database's when unset.")
    )
    retries: int = Field(
        0,
        ge=0,
        le=100,
        description="How often to begin again after a deadlock, lock or serialization failure.",
    )
    advisory_lock: str | int = Field(
        "", description="A name: whoever uses the same one in the same database waits for its turn."
    )
    file_lock: bool = Field(False, description="SQLite: the same as an `advisoryLock` of the whole file.")
    lock_timeout: Duration | None = Field(
        None, ge=0, description="Seconds to wait for any lock; as long as `timeout` allows when unset."
    )
    output_format: Literal["jsonl", "json", "csv", "tsv", "raw", "none"] = Field(
        "jsonl", description="How rows are written."
    )
    output_file: str = Field(
        "", description="Write rows to this file instead of stdout, whole or not at all."
    )
    streaming: bool = Field(
        False, description="Rows always stream; `true` only insists on an `outputFile` for them."
    )
    headers: bool = Field(True, description="csv, tsv: begin with the names of the columns.")
    null_string: str = Field("", description="csv, tsv, raw: what is written for NULL.")
    max_rows: int = Field(0, ge=0, description="Write at most that many rows of a result; 0 = all.")
    results: Literal["last", "all"] = Field(
        "last", description="Which results of several statements are written."
    )
    numbers: Literal["string", "native"] = Field(
        "string", description="Decimals, and integers beyond 2^53, as exact texts or as numbers of JSON."
    )
    expect: ExpectConfig | None = Field(None, description="What must be true of the last result.")
    import_: ImportConfig | None = Field(
        None, alias="import", description="A file to load into a table, after the statements."
    )

    @field_validator("isolation_level", mode="before")
    @classmethod
    def _any_spelling_of_a_level(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        folded = re.sub(r"[\s_-]", "", value).lower()
        return "" if folded == "default" else folded

    @model_validator(mode="after")
    def _what_goes_together(self) -> SqlConfig:
        if self.isolation_level and self.transaction is False:
            raise ValueError("`isolationLevel` needs `transaction: true`")
        if self.streaming is True and not self.output_file:
            raise ValueError("`streaming: true` needs an `outputFile`")
        if self.transaction is True and isinstance(self.import_, ImportConfig) and self.import_.commit_every:
            raise ValueError("`transaction: true` and `commitEvery` exclude each other")
        return self

    @property
    def statement_limit(self) -> float | None:
        """Seconds a statement may take, or None."""
        return self.timeout or None
