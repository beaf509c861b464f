"""Look into a journal's database, and write into it what no call of the library writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import attrs
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from motionkit._support import system
from motionkit.journal import Journal
from motionkit.journal.database import SQLiteStore
from motionkit.journal.databases import located
from motionkit.journal.postgres import PostgresStore
from motionkit.provider import AccountSettings
from motionkit.testing.stage import Stage, options_for

Place = Path | str
"""The file of a journal, or the address of its PostgreSQL database."""


def change(where: Journal | Place, statement: str, **values: Any) -> int:
    """Change the database of a journal; return how many rows were changed."""
    if isinstance(where, Journal):
        return where.store.execute(statement, values)
    with Journal(where) as journal:
        return journal.store.execute(statement, values)


def seen_outside(place: Place, statement: str) -> list[tuple[Any, ...]]:
    """Return what another process is answered now: nothing of an open transaction."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as db:
            return [tuple(row) for row in db.execute(statement)]
    with psycopg.connect(place) as server:
        return server.execute(statement.encode()).fetchall()


def content(place: Place) -> bytes:
    """Return all that a journal's database holds, and all that is kept beside a file."""
    if isinstance(place, Path):
        with Journal(place) as journal:
            assert isinstance(journal.store, SQLiteStore)
            journal.store.db.execute("PRAGMA wal_checkpoint(FULL)")
            files = [file for file in place.parent.iterdir() if file.is_file()]
            return b"".join(file.read_bytes() for file in files)
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema='public'"
    names = [name for (name,) in seen_outside(place, tables)]
    assert {"purchases", "attempts"} <= set(names)
    return repr([seen_outside(place, f"SELECT * FROM {name}") for name in names]).encode()  # noqa: S608 - the catalogue's names


def pending_folder(place: Place) -> Path:
    """Return where this machine keeps what the journal could not take."""
    if isinstance(place, Path):
        return place.with_name(f"{place.name}-pending")
    (kept,) = seen_outside(place, "SELECT journal FROM schema")
    return system.state_folder() / f"journal-{kept[0][:12]}-pending"


def options_at(
    stage: Stage, folder: Path, place: Place, settings: AccountSettings | None = None
) -> dict[str, Any]:
    """Return a client's options on a stage, with the journal at a place."""
    options = options_for(stage, folder, settings)
    return {**options, "config": attrs.evolve(options["config"], journal=located(place))}


def set_clock(patch: pytest.MonkeyPatch, now: Callable[[], float]) -> None:
    """Let journals take their time from a function instead of the machine or the server."""
    for store in (SQLiteStore, PostgresStore):
        patch.setattr(store, "now", lambda _: now())


class Writer:
    """Another process that is in the middle of a transaction, and ends it when it is told.

    A SQLite file lets nobody else write meanwhile. On PostgreSQL it takes every row and every
    advisory lock that our writes need.
    """

    def __init__(self, place: Place) -> None:
        self._db: Any
        if isinstance(place, Path):
            self._db = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
            self._db.execute("BEGIN IMMEDIATE")
        else:
            self._db = psycopg.connect(place)
            self._db.execute("LOCK TABLE purchases, attempts IN SHARE ROW EXCLUSIVE MODE")

    def execute(self, statement: str) -> None:
        """Write something."""
        self._db.execute(statement)

    def commit(self) -> None:
        """End the transaction."""
        self._db.execute("COMMIT")
        self._db.close()

    def release(self) -> None:
        """Give the transaction up."""
        self._db.rollback()  # a server notices only later that a connection is closed
        self._db.close()


class Outage:
    """A PostgreSQL database that ends all connections and takes no new ones."""

    def __init__(self, place: str) -> None:
        said = conninfo_to_dict(place)
        self._name = sql.Identifier(str(said["dbname"]))
        self._server = make_conninfo(**{**said, "dbname": "postgres"})
        self._set("false")
        ended = sql.SQL(
            "SELECT pg_terminate_backend(pid, 300000) FROM pg_stat_activity WHERE datname={}"
        )
        with psycopg.connect(self._server, autocommit=True) as db:
            db.execute(ended.format(sql.Literal(said["dbname"])))

    def _set(self, allowed: LiteralString) -> None:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        with psycopg.connect(self._server, autocommit=True) as db:
            db.execute(statement.format(self._name, sql.SQL(allowed)))

    def end(self) -> None:
        """Take connections again."""
        self._set("true")


@contextmanager
def statements(journal: Journal) -> Iterator[list[str]]:
    """Collect the statements that the database runs for a journal."""
    run: list[str] = []
    if isinstance(journal.store, SQLiteStore):
        db = journal.store.db
        db.set_trace_callback(run.append)
        try:
            yield run
        finally:
            db.set_trace_callback(None)
        return
    real = psycopg.Connection.execute

    def execute(self: Any, query: Any, *args: Any, **named: Any) -> Any:
        run.append(query)
        return real(self, query, *args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", execute)
        yield run
