"""The address of a ledger that is no file: a database of a PostgreSQL server."""

from __future__ import annotations

import re

import attrs

#: Schemes that mean PostgreSQL; the last as SQLAlchemy writes it.
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")

_LOGIN = re.compile(r"//([^:@/]*)(.*)@")
_SECRET = re.compile(r"(password=)[^&]*")


def _masked(address: str) -> str:
    """*address* with ``***`` in the place of passwords; hides too much rather than too little.

    A password with an @ in it ends where its writer meant it to end: at the last one.
    """
    login = _LOGIN.search(address)
    if login:
        secret = ":***" if login[2] else ""
        address = f"{address[: login.start()]}//{login[1]}{secret}@{address[login.end() :]}"
    return _SECRET.sub(r"\1***", address)


@attrs.frozen
class Server:
    """A database of a PostgreSQL server. Its password, if the address holds one, is never shown."""

    #: Such as ``postgresql://user@host:5432/database``; libpq takes what is left out from ``PG*`` variables.
    address: str = attrs.field(repr=lambda address: repr(_masked(address)))

    def __str__(self) -> str:
        """The address without its password."""
        return _masked(self.address)
