"""Real database servers of our own, on loopback and a free port, gone when the tests are."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagu_core.testing.requirements import require

from .databases import Target

PASSWORD = "b!tter/swe:et"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
#: asks PostgreSQL for the connections of steps
BUSY = "SELECT pid FROM pg_stat_activity WHERE application_name = 'dagu'"


@contextmanager
def postgres_server() -> Iterator[Target]:
    """PostgreSQL with the database `postgres` and the user `dagu`, who needs no password on its socket."""
    initdb, server = tool("initdb", DEBIAN), tool("postgres", DEBIAN)
    require(initdb and server and tool("setpriv"), "PostgreSQL, apt install postgresql")
    import psycopg

    with folder_of("postgres") as (folder, prefix):
        data, port, password = folder / "data", free_port(), folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        make = [initdb, "-D", data, "-U", "dagu", "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        make += ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"]
        serve = [server, "-D", data, "-p", port, "-k", folder, "-h", "127.0.0.1"]
        serve += ["-c", "fsync=off", "-c", "synchronous_commit=off"]

        def ask(sql: str) -> list[tuple[Any, ...]]:
            with psycopg.connect(
                host=str(folder), port=port, user="dagu", dbname="postgres", autocommit=True
            ) as connection:
                cursor = connection.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []

        with serving(folder, prefix, make, serve, signal.SIGINT):
            until(lambda: ask("SELECT 1"))
            dsn = f"postgres://dagu@/postgres?host={folder}&port={port}"
            yield Target("postgres", dsn, ask, port=port, folder=folder)


@contextmanager
def mariadb_server() -> Iterator[Target]:
    """MariaDB with the database `work`, and the user `dagu` who has a password."""
    install, server = tool("mariadb-install-db"), tool("mariadbd")
    require(install and server and tool("setpriv"), "MariaDB, apt install mariadb-server")
    import pymysql

    with folder_of("mysql") as (folder, prefix):
        data, port, path = folder / "data", free_port(), folder / "s"
        user = "mysql" if os.geteuid() == 0 else getpass.getuser()
        make = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db", f"--user={user}"]
        make += ["--auth-root-authentication-method=normal"]
        serve = [server, "--no-defaults", f"--datadir={data}", f"--socket={path}", f"--port={port}"]
        serve += ["--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}"]
        serve += ["--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"]

        def ask(sql: str) -> list[tuple[Any, ...]]:
            connection = pymysql.connect(unix_socket=str(path), user="root", autocommit=True)
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())

        with serving(folder, prefix, make, serve, signal.SIGTERM):
            until(path.exists)  # the driver forgets its socket when nobody listens
            until(lambda: ask("SELECT 1"))
            ask("CREATE DATABASE work")
            ask(f"CREATE USER dagu@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            ask("GRANT ALL ON work.* TO dagu@'127.0.0.1'")
            dsn = f"mysql://root@localhost/work?unix_socket={path}"
            yield Target("mysql", dsn, ask, port=port, folder=folder)


@contextmanager
def folder_of(user: str) -> Iterator[tuple[Path, list[str]]]:
    """(folder, prefix of commands) of a server that must not be root and dies with us."""
    # Not below pytest's own folder: only we may look into that one.
    folder = Path(tempfile.mkdtemp(prefix="dagu-sql-"))
    prefix = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        prefix += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    try:
        yield folder, prefix
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(
    folder: Path, prefix: list[str], make: Sequence[object], serve: Sequence[object], stop: signal.Signals
) -> Iterator[None]:
    """Make the files of a server in a folder of its own, and run it until `stop` ends it."""
    subprocess.run([*prefix, *map(str, make)], check=True, capture_output=True, cwd=folder)
    log = folder.with_suffix(".log")
    with log.open("wb") as file:
        command = [*prefix, *map(str, serve)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    log.unlink()


def tool(name: str, *folders: Path) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders), "/usr/sbin"])
    return shutil.which(name, path=path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something that happens in another process."""
    end = time.monotonic() + seconds
    while True:
        with suppress(Exception):
            if found := condition():
                return found
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
