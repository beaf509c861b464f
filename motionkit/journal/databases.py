"""Open the database that a journal is kept in."""

from __future__ import annotations

from pathlib import Path

from motionkit._support.addresses import DatabaseAddress, scheme
from motionkit.errors import ConfigError
from motionkit.journal.database import SQLiteStore
from motionkit.journal.store import Adopt, Store, Where


def located(where: Where | str) -> Where:
    """Return where a journal is; a text is a path or an address.

    Raises:
        ConfigError: It is an address that no journal has.
    """
    if not isinstance(where, str):
        return where
    if scheme(where) is None:
        return Path(where)
    try:
        return DatabaseAddress(where)
    except ValueError as error:
        raise ConfigError(f"the journal's address cannot be used: {error}") from None


def open_store(where: Where, adopt: Adopt | None = None) -> Store:
    """Open a journal's database; a SQLite file is made if need be.

    Args:
        where: The file, the address, or None for a database in memory.
        adopt: See `Adopt`.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
        ConfigError: It needs an extra that is not installed.
    """
    if isinstance(where, DatabaseAddress):
        from motionkit.journal.postgres import PostgresStore  # noqa: PLC0415 - an extra

        return PostgresStore(where, adopt)
    return SQLiteStore(where, adopt)
