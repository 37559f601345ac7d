"""PostgreSQL for real: what only it has."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .databases import Target
from .servers import BUSY, PASSWORD


@pytest.mark.slow
def test_a_million_rows_in_little_memory(postgres: Target, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    sql = "SELECT n, md5(n::text) AS hash FROM generate_series(1, 1000000) AS n"
    result = postgres.start(sql, outputFile=str(file))
    assert result.status == "succeeded", result.step.error
    assert result.outcome.usage["max_rss_kib"] < 150 * 1024
    with file.open() as lines:
        assert sum(1 for _ in lines) == 1_000_000
    assert json.loads(result.stderr.splitlines()[-1])["rowsReturned"] == 1_000_000


def test_types(postgres: Target) -> None:
    sql = """
        SELECT true AS b, 1.50::numeric AS n, 'NaN'::float8 AS f, '\\x00ff'::bytea AS raw,
               '{"a": [1, 2.50, null]}'::jsonb AS doc, ARRAY[1.10, NULL]::numeric[] AS list,
               '2024-02-29 12:00+02'::timestamptz AT TIME ZONE 'UTC' AS at, date '2024-02-29' AS day,
               '90 minutes'::interval AS took, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS id,
               '10.0.0.1'::inet AS ip, int4range(1, 5) AS range, '\\ é'::text AS text
    """
    assert postgres.run(sql).rows == [
        {
            "b": True,
            "n": "1.50",
            "f": "nan",
            "raw": "AP8=",
            "doc": {"a": [1, 2.5, None]},
            "list": ["1.10", None],
            "at": "2024-02-29T10:00:00",
            "day": "2024-02-29",
            "took": "01:30:00",
            "id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "ip": "10.0.0.1",
            "range": "[1, 5)",
            "text": "\\ é",
        }
    ]


def test_parameters_of_every_kind(postgres: Target) -> None:
    sql = "SELECT :a::int + 1 AS a, :list::int[] AS list, :doc::jsonb AS doc, :no::text AS no"
    found = postgres.run(sql, params={"a": "41", "list": [1, 2], "doc": {"k": "it's"}, "no": None})
    assert found.rows == [{"a": 42, "list": [1, 2], "doc": {"k": "it's"}, "no": None}]
    assert postgres.run(
        "SELECT $2::text || $1 AS a, '{\"k\": 1}'::jsonb ? 'k' AS b", params=["x", "y"]
    ).rows == [{"a": "yx", "b": True}]


def test_functions_and_notices(postgres: Target) -> None:
    script = """
        CREATE FUNCTION pg_temp.twice(n int) RETURNS int LANGUAGE plpgsql AS $body$
        BEGIN
          RAISE NOTICE 'twice %; really', n;  -- here; too
          RETURN n * 2;
        END;
        $body$;
        SELECT pg_temp.twice(21) AS answer;
    """
    result = postgres.run(script)
    assert result.rows == [{"answer": 42}]
    assert "NOTICE: twice 21; really" in result.stderr


def test_rows_of_writing_statements_arrive(postgres: Target, table: str) -> None:
    postgres.ask(f"CREATE TABLE {table} (id integer)")
    assert postgres.run(f"INSERT INTO {table} VALUES (1), (2) RETURNING id").rows == [{"id": 1}, {"id": 2}]
    moved = f"WITH gone AS (DELETE FROM {table} RETURNING id) SELECT count(*) AS n FROM gone"
    assert postgres.run(moved).rows == [{"n": 2}]
    assert postgres.ask(f"SELECT count(*) FROM {table}") == [(0,)]


def test_statements_of_a_transaction_of_its_own(postgres: Target, table: str) -> None:
    sql = f"BEGIN; CREATE TABLE {table} (id integer); SELECT count(*) AS n FROM {table}; ROLLBACK"
    assert postgres.run(sql).rows == [{"n": 0}]
    assert postgres.run(f"SELECT 1 FROM {table}").code == 11


def test_constraints_say_which_key(postgres: Target, table: str) -> None:
    postgres.ask(f"CREATE TABLE {table} (id integer PRIMARY KEY)")
    failed = postgres.run(f"INSERT INTO {table} VALUES (7), (7)")
    assert failed.code == 12
    assert "ERROR 23505: duplicate key" in failed.error and "(Key (id)=(7) already exists)" in failed.error


def test_a_lock_timeout(postgres: Target, table: str) -> None:
    import psycopg

    postgres.ask(f"CREATE TABLE {table} (id integer)")
    with psycopg.connect(
        host=str(postgres.folder), port=postgres.port, user="dagu", dbname="postgres"
    ) as other:
        other.execute(f"LOCK TABLE {table}")
        failed = postgres.run(f"INSERT INTO {table} VALUES (1)", lockTimeout="200ms", retries=1)
    assert (failed.code, "ERROR 55P03" in failed.error) == (13, True)
    assert failed.stderr.count("trying again") == 1


def test_a_lost_race_is_run_again_and_written_once(postgres: Target, table: str, until: Any) -> None:
    import psycopg

    postgres.ask(f"CREATE TABLE {table} AS SELECT 1 AS n")
    sql = [f"SELECT n FROM {table}", "SELECT pg_sleep(0.5)", f"UPDATE {table} SET n = n + 1 RETURNING n"]
    found: list[Any] = []
    work = threading.Thread(
        target=lambda: found.append(
            postgres.run(sql, transaction=True, isolationLevel="serializable", retries=3, results="all")
        )
    )
    work.start()
    until(lambda: postgres.ask(f"{BUSY} AND state = 'active'"))
    with psycopg.connect(
        host=str(postgres.folder), port=postgres.port, user="dagu", dbname="postgres"
    ) as other:
        other.execute(f"UPDATE {table} SET n = 10")
    work.join()
    assert found[0].code == 0, found[0].error
    assert found[0].stdout == b'[{"n": 10}]\n[{"pg_sleep": ""}]\n[{"n": 11}]\n'
    assert "ERROR 40001" in found[0].stderr and '"retries": 1' in found[0].stderr
    assert postgres.ask(f"SELECT n FROM {table}") == [(11,)]


def test_a_wrong_password_is_not_printed(postgres: Target) -> None:
    good = f"postgres://dagu:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres.port}/postgres"
    assert (
        postgres.engine({"type": "postgres", "config": {"dsn": good}, "command": "SELECT 1"}).status
        == "succeeded"
    )
    wrong = good.replace(quote(PASSWORD, safe=""), "swordfish-0042")
    result = postgres.engine({"type": "postgres", "config": {"dsn": wrong}, "command": "SELECT 1"})
    assert (result.status, result.step.exit_code) == ("failed", 10)
    assert "password authentication failed" in result.step.error
    assert "the database could not be reached" in result.step.error
    assert "swordfish" not in result.step.error + result.stderr.decode()


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("postgres://dagu@127.0.0.1:1/postgres", "onnection refused"),
        ("postgres://dagu@/none?host={folder}&port={port}", 'database "none" does not exist'),
        ("host={folder} port={port} user=nobody dbname=postgres", 'role "nobody" does not exist'),
        ("postgres://dagu@no-such-host.invalid/a", "no-such-host.invalid"),
    ],
)
def test_what_cannot_be_reached(postgres: Target, done: Any, dsn: str, said: str) -> None:
    failed = done("postgres", ["SELECT 1"], dsn=dsn.format(folder=postgres.folder, port=postgres.port))
    assert failed.code == 10
    assert failed.error.startswith("cannot connect: ") and said in failed.error


def test_a_lost_connection_is_told_apart(postgres: Target) -> None:
    failed = postgres.run("SELECT pg_terminate_backend(pg_backend_pid())")
    assert failed.code == 10
    # The server's reason or the end of the line: which of the two is read first is a race.
    assert "57P01" in failed.error or "closed the connection" in failed.error
    assert "(the connection is lost)" in failed.error


def test_a_missing_driver_says_what_to_install(
    postgres: Target, monkeypatch: pytest.MonkeyPatch, done: Any
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    failed = postgres.run("SELECT 1")
    assert (failed.code, failed.error) == (
        1,
        "the driver for postgresql is not installed: pip install 'dagu-sql[postgres]'",
    )
    assert "pip install" in done("sql", ["SELECT 1"], dsn="unheard://localhost/a").error


def test_certificates_are_verified(postgres: Target, tmp_path: Path) -> None:
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    ca, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(ca))
    trustme.CA().cert_pem.write_to_path(str(other))
    data, owner = postgres.folder / "data", os.stat(postgres.folder)
    issued.private_key_pem.write_to_path(str(data / "server.key"))
    issued.cert_chain_pems[0].write_to_path(str(data / "server.crt"))
    (data / "server.key").chmod(0o600)
    for name in ("server.key", "server.crt"):
        os.chown(data / name, owner.st_uid, owner.st_gid)
    assert ssl.create_default_context(cafile=str(ca))
    postgres.ask("ALTER SYSTEM SET ssl = on")
    postgres.ask("SELECT pg_reload_conf()")
    dsn = f"postgres://dagu@localhost:{postgres.port}/postgres"
    sql = "SELECT ssl AS is_safe FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    def ask(tls: Any) -> Any:
        return postgres.at(dsn, sql, password=PASSWORD, tls=tls, connectTimeout=5)

    assert ask({"ca": str(ca)}).rows == [{"is_safe": True}]
    assert ask("require").rows == [{"is_safe": True}]
    assert ask("off").rows == [{"is_safe": False}]
    refused = ask({"ca": str(other)})
    assert (refused.code, "certificate verify failed" in refused.error) == (10, True)
    assert refused.error.endswith("; see `tls`")
    assert ask("verify").code == 10
