"""Which class serves which address."""

from __future__ import annotations

from dagu_sql.address import Address
from dagu_sql.config import SqlConfig
from dagu_sql.database import Database
from dagu_sql.mysql import Mysql
from dagu_sql.postgres import Postgres
from dagu_sql.sqlite import Sqlite

_FAMILIES: dict[str, type[Database]] = {"postgresql": Postgres, "mysql": Mysql, "sqlite": Sqlite}


def database(address: Address, config: SqlConfig) -> Database:
    """The database at an address, not yet connected."""
    return _FAMILIES.get(address.family, Database)(address, config)
