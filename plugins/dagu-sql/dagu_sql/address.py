"""Reads the address of a database: which driver, which arguments, what must never be printed."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from dagu_core.contracts.work import Failed
from dagu_sql.config import SqlConfig, TlsConfig

#: seconds; what the libraries of the servers take
_LONGEST = 365 * 86_400
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite3": "sqlite",
}
_FAMILIES = {"mariadb": "mysql"}
_OF_KIND = {"postgres": "postgresql"}
_EXAMPLES = {
    "postgres": "postgres://user@host/database",
    "mysql": "mysql://user@host/database",
    "sqlite": "data.db",
    "sql": "postgres://user@host/database",
}
#: where systems keep the authorities they trust; libpq wants one file
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is. `family` tells dialects of one kind (`mysql` for MariaDB, too); `url` is
    for SQLAlchemy, `arguments` are for the driver."""

    family: str
    url: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def hide(self, text: str) -> str:
        """`text` without the password."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def read(kind: str, config: SqlConfig) -> Address:
    """The address `config` gives to a step of type `kind`. Raises Failed that never quotes it."""
    dsn = config.dsn
    scheme, found, rest = dsn.partition("://")
    if not found:
        if kind == "sqlite" or dsn.startswith("file:"):
            return Address("sqlite", _url("sqlite://"), {"database": dsn})
        if kind == "postgres" and "=" in dsn:
            return _postgres_words(config)
        raise Failed(f"the dsn is no address of a database: write e.g. {_EXAMPLES[kind]}")
    url = _url(f"{_DRIVERS.get(scheme, scheme)}://{rest}", kind)
    family = _FAMILIES.get(url.get_backend_name(), url.get_backend_name())
    if kind != "sql" and family != _OF_KIND.get(kind, kind):
        raise Failed(f"a step of type {kind} cannot use a {scheme}:// address; write {_EXAMPLES[kind]}")
    if family == "sqlite":
        return Address("sqlite", _url("sqlite://"), {"database": _sqlite_file(url)})
    if config.password:
        url = url.set(password=config.password)
    secret = str(url.password or "")
    options = {key: value for key, value in url.query.items() if isinstance(value, str)}
    arguments = _arguments(family, url.host or options.get("host"), options, config)
    return Address(family, url, arguments, _spellings(secret))


def _url(text: str, kind: str = "sql") -> Any:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # Their messages may quote what stands around the password.
        raise Failed(
            f"the dsn cannot be read: write e.g. {_EXAMPLES[kind]}; "
            "characters like @ : / in a password are written %40 %3A %2F, or use `password`"
        ) from None


def _sqlite_file(url: Any) -> str:
    database = url.database or ":memory:"
    query = "&".join(f"{key}={value}" for key, value in url.query.items() if key != "uri")
    if database.startswith("file:"):
        return f"{database}?{query}" if query else str(database)
    return f"file:{quote(database)}?{query}" if query else str(database)


def _postgres_words(config: SqlConfig) -> Address:
    """`host=db user=me`, the way libpq writes it."""
    try:
        from psycopg import ProgrammingError, conninfo
    except ImportError:
        raise missing("postgresql") from None
    try:
        words = {key: str(value) for key, value in conninfo.conninfo_to_dict(config.dsn).items()}
    except ProgrammingError:
        raise Failed(f"the dsn cannot be read: write e.g. {_EXAMPLES['postgres']}") from None
    if config.password:
        words["password"] = config.password
    arguments = words | _arguments("postgresql", words.get("host"), words, config)
    return Address(
        "postgresql", _url("postgresql+psycopg://"), arguments, _spellings(words.get("password", ""))
    )


def _spellings(secret: str) -> tuple[str, ...]:
    return tuple({secret, quote(secret, safe=""), quote_plus(secret)}) if len(secret) > 2 else ()


def missing(family: str) -> Failed:
    """What to say when a driver is not installed."""
    extra = {"postgresql": "postgres", "mysql": "mysql"}.get(family)
    if extra:
        return Failed(f"the driver for {family} is not installed: pip install 'dagu-sql[{extra}]'")
    return Failed(f"there is no driver for {family}: install its SQLAlchemy dialect with pip install")


def _arguments(
    family: str, host: str | None, options: Mapping[str, str], config: SqlConfig
) -> dict[str, Any]:
    tls = config.tls or TlsConfig.model_construct()
    limit = (
        {}
        if "connect_timeout" in options
        else {"connect_timeout": min(_LONGEST, max(1, round(config.connect_timeout)))}
    )
    if family == "postgresql":
        name = {"fallback_application_name": "dagu"}
        return {**limit, **name, **_postgres_tls(host or os.environ.get("PGHOST"), options, tls)}
    if family == "mysql":
        return {**limit, **_mysql_tls(host, options, tls)}
    return {}


def _is_here(host: str | None) -> bool:
    hosts = (host or "").strip("[]").split(",")
    return all(each in ("", "localhost", "::1") or each.startswith(("/", "@", "127.")) for each in hosts)


def _mode(host: str | None, is_told: bool, tls: TlsConfig) -> str:
    if tls.mode:
        return tls.mode
    if tls.ca:
        return "verify"
    return "" if is_told or _is_here(host) else "verify"


def _postgres_tls(host: str | None, options: Mapping[str, str], tls: TlsConfig) -> dict[str, str]:
    is_told = "sslmode" in options or "PGSSLMODE" in os.environ
    files = {"sslcert": tls.cert, "sslkey": tls.key}
    chosen = {key: value for key, value in files.items() if value}
    match _mode(host, is_told, tls):
        case "verify":
            bundle = tls.ca or options.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
            system = next((each for each in _BUNDLES if Path(each).is_file()), "system")
            return {**chosen, "sslmode": "verify-full", "sslrootcert": bundle or system}
        case "require":
            return {**chosen, "sslmode": "require"}
        case "off":
            return {"sslmode": "disable"}
        case _:
            return chosen


def _mysql_tls(host: str | None, options: Mapping[str, str], tls: TlsConfig) -> dict[str, Any]:
    is_told = any(key.startswith("ssl") for key in options)
    mode = _mode(host, is_told, tls)
    if mode == "off":
        return {"ssl_disabled": True}
    if not mode:
        return {}
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if mode == "require":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except OSError as error:
        raise Failed(f"tls: cannot use {tls.ca or tls.cert}: {error.strerror or error}") from None
    return {"ssl": context}
