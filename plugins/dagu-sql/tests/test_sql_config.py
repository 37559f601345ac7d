"""What may stand in a file, and what an address means."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dagu_core import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.work import Failed
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.harness import offering, run_step
from dagu_sql import address, plugin
from dagu_sql.config import SqlConfig
from dagu_sql.executor import SqliteExecutor
from dagu_sql.expect import holds
from dagu_sql.values import to_json, to_text


def config(**data: Any) -> SqlConfig:
    return SqlConfig.model_validate({"dsn": "x", **data}, context={"phase": "read"})


def test_both_spellings_and_short_forms() -> None:
    camel = config(
        outputFormat="csv", maxRows=3, isolationLevel="READ COMMITTED", transaction=True, tls=False
    )
    snake = config(output_format="csv", max_rows=3, isolation="read_committed", transaction=True, tls="off")
    assert camel == snake
    loaded = config(
        **{"import": {"file": "a.csv", "table": "t", "conflictTarget": "a, b", "onConflict": "replace"}}
    )
    assert loaded.import_ is not None
    assert (loaded.import_.input_file, loaded.import_.conflict_target) == ("a.csv", ["a", "b"])
    assert [config(timeout=value).timeout for value in (5, "1m30s", "250ms")] == [5.0, 90.0, 0.25]
    assert config(isolationLevel="default").isolation_level == ""
    assert config(timeout="${T}", transaction="${X}", isolationLevel="serializable").timeout == "${T}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"timeout": -1}, "cannot be negative"),
        ({"timeout": "soon"}, "must be a duration"),
        ({"outputFormat": "xml"}, "jsonl"),
        ({"isolationLevel": "serializable"}, "needs `transaction: true`"),
        ({"transaction": True, "isolationLevel": "chaos"}, "serializable"),
        ({"streaming": True}, "needs an `outputFile`"),
        ({"dsn": ""}, "at least 1 character"),
        ({"params": "a"}, "params"),
        ({"import": {"inputFile": "a", "table": "t", "onConflict": "replace"}}, "needs `conflictTarget`"),
        (
            {"transaction": True, "import": {"inputFile": "a", "table": "t", "commitEvery": 5}},
            "exclude each other",
        ),
        ({"import": {"inputFile": "a", "table": "t", "batchSize": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as failed:
        config(**data)
    assert said in str(failed.value)


def test_the_file_is_checked_when_it_is_read() -> None:
    with pytest.raises(InvalidDefinition, match=r"(?s)pul"):
        run_step({"type": "sqlite", "config": {"dsn": "a", "pul": 1}}, plugins=[offering(SqliteExecutor)])


def test_nothing_to_do_is_a_mistake() -> None:
    result = run_step({"type": "sqlite", "config": {"dsn": ":memory:"}}, plugins=[offering(SqliteExecutor)])
    assert (result.status, result.step.error) == ("failed", "there is no statement to run")


@pytest.mark.parametrize(
    ("kind", "dsn", "family", "database"),
    [
        ("sqlite", "a.db", "sqlite", "a.db"),
        ("sqlite", ":memory:", "sqlite", ":memory:"),
        ("sqlite", "file:a.db?mode=ro", "sqlite", "file:a.db?mode=ro"),
        ("sqlite", "sqlite:///a b.db?mode=ro", "sqlite", "file:a%20b.db?mode=ro"),
        ("sql", "sqlite:////tmp/a.db", "sqlite", "/tmp/a.db"),
        ("sql", "sqlite3://", "sqlite", ":memory:"),
    ],
)
def test_addresses_of_files(kind: str, dsn: str, family: str, database: str) -> None:
    found = address.read(kind, config(dsn=dsn))
    assert (found.family, found.arguments) == (family, {"database": database})


@pytest.mark.parametrize(
    ("kind", "dsn", "family", "driver"),
    [
        ("postgres", "postgres://me@localhost/a", "postgresql", "postgresql+psycopg"),
        ("sql", "postgresql://me@localhost/a", "postgresql", "postgresql+psycopg"),
        ("sql", "postgresql+psycopg2://me@localhost/a", "postgresql", "postgresql+psycopg2"),
        ("mysql", "mysql://me@localhost/a", "mysql", "mysql+pymysql"),
        ("mysql", "mariadb://me@localhost/a", "mysql", "mariadb+pymysql"),
    ],
)
def test_addresses_of_servers(kind: str, dsn: str, family: str, driver: str) -> None:
    found = address.read(kind, config(dsn=dsn, password="p@ss word"))
    assert (found.family, found.url.drivername, found.url.password) == (family, driver, "p@ss word")
    assert found.hide("it is p@ss word, p%40ss%20word or p%40ss+word") == "it is ***, *** or ***"


def test_the_words_of_libpq() -> None:
    found = address.read("postgres", config(dsn="host=db.example user=me password='a b c'"))
    assert found.arguments["host"] == "db.example"
    assert found.arguments["sslmode"] == "verify-full"
    assert found.hide("a b c") == "***"


@pytest.mark.parametrize(
    ("kind", "dsn"),
    [
        ("postgres", "mysql://me:hidden1@localhost/a"),
        ("mysql", "sqlite:///a.db"),
        ("sql", "hidden1"),
        ("postgres", "hidden1"),
        ("postgres", "hidden1 = 'x"),
        ("postgres", "postgres://me:x@y:hidden1@localhost:port/a"),
        ("mysql", "mysql://me:hidden1@localhost:what/a"),
    ],
)
def test_a_wrong_address_is_refused_and_not_quoted(kind: str, dsn: str) -> None:
    with pytest.raises(Failed) as failed:
        address.read(kind, config(dsn=dsn))
    assert "hidden1" not in str(failed.value)
    assert "write" in str(failed.value)


def test_tls_is_verified_unless_the_server_is_here_or_the_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)

    def mode(dsn: str, **more: Any) -> Any:
        return address.read("postgres", config(dsn=dsn, **more)).arguments.get("sslmode")

    assert mode("postgres://db.example/a") == "verify-full"
    assert mode("postgres:///a?host=db.example") == "verify-full"
    assert mode("postgres://db.example/a", tls="require") == "require"
    assert mode("postgres://db.example/a", tls="off") == "disable"
    assert mode("postgres://db.example/a?sslmode=prefer") is None
    assert [mode(f"postgres://{host}/a") for host in ("localhost", "127.0.0.1", "[::1]", "")] == [None] * 4
    assert mode("postgres://127.0.0.1/a", tls={"ca": "ca.pem"}) == "verify-full"
    monkeypatch.setenv("PGHOST", "db.example")
    assert mode("postgres:///a") == "verify-full"

    def ssl_of(dsn: str, **more: Any) -> dict[str, Any]:
        return address.read("mysql", config(dsn=dsn, **more)).arguments

    assert ssl_of("mysql://db.example/a")["ssl"].check_hostname
    assert not ssl_of("mysql://db.example/a", tls="require")["ssl"].check_hostname
    assert ssl_of("mysql://db.example/a", tls="off")["ssl_disabled"]
    assert "ssl" not in ssl_of("mysql://localhost/a")
    with pytest.raises(Failed, match="tls: cannot use"):
        ssl_of("mysql://db.example/a", tls={"ca": str(tmp_path / "none.pem")})


@pytest.mark.parametrize(
    ("value", "json", "text"),
    [
        (True, True, "true"),
        (2**53 + 1, "9007199254740993", "9007199254740993"),
        (-(2**53), -(2**53), "-9007199254740992"),
        (Decimal("1E+3"), "1000", "1000"),
        (Decimal("0.10"), "0.10", "0.10"),
        (Decimal("NaN"), "NaN", "NaN"),
        (math.inf, "inf", "inf"),
        (
            datetime(2024, 2, 29, 12, tzinfo=UTC),
            "2024-02-29T12:00:00+00:00",
            "2024-02-29T12:00:00+00:00",
        ),
        (date(2024, 2, 29), "2024-02-29", "2024-02-29"),
        (time(1, 2), "01:02:00", "01:02:00"),
        (timedelta(days=1, seconds=61), "24:01:01", "24:01:01"),
        (-timedelta(microseconds=1), "-00:00:00.000001", "-00:00:00.000001"),
        (b"\x00\xff", "AP8=", "AP8="),
        ([Decimal("1.5"), None], ["1.5", None], '["1.5", null]'),
        ({"a": 2**60}, {"a": 2**60}, '{"a": 1152921504606846976}'),
    ],
)
def test_values_keep_what_they_are(value: Any, json: Any, text: str) -> None:
    assert to_json(value) == json
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("wanted", "value", "is_met"),
    [
        (5, 5, True), ("5", Decimal("5.00"), True), (">5", 5, False), (">= 5", 5, True), ("<5", 4.5, True),
        ("!=0", 0, False), ("done", "done", True), ("=done", "failed", False), ("!=done", "failed", True),
        ("5", None, False), ("", "", True), ("true", True, True), ("10", "9", False), (">9", "10", True),
    ],
)  # fmt: skip
def test_expected_values(wanted: Any, value: Any, is_met: bool) -> None:
    assert holds(wanted, value) is is_met


def test_a_reference_in_sql_is_worth_a_warning() -> None:
    text = """steps:
  - {name: a, type: postgres, config: {dsn: x}, command: "SELECT * FROM t WHERE a = ${ID}"}
  - name: b
    type: sqlite
    config: {dsn: x}
    script: |
      SELECT * FROM t WHERE a = ${ID}
      OR b = ${ID}
  - {name: c, command: "echo ${ID}"}
"""
    host = PluginHost.load(discover=False, plugins=[plugin])
    read = read_definition(text, path="f.yaml", vocabulary=host.catalog.vocabulary)
    told = host.lint(read.plans[0], read.places[0])
    assert {(each.code, each.severity) for each in told} == {("D321", "warning")}
    assert [(each.place.line, each.place.column) for each in told] == [(2, 85), (7, 33), (8, 14)]
    found = told[0]
    assert found.message == "step a: ${ID} becomes part of the SQL text"
