"""Look into a journal's database, and write into it what no call of the library writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from motionkit.journal import Journal


def change(where: Any, statement: str, **values: Any) -> int:
    """Change the database of a journal, or of the journal at a place; return the rows changed."""
    if isinstance(where, Journal):
        return where.store.execute(statement, values)
    with Journal(where) as journal:
        return journal.store.execute(statement, values)


def seen_outside(where: Any, statement: str) -> list[tuple[Any, ...]]:
    """Return what another process is answered now: nothing of an open transaction."""
    with closing(sqlite3.connect(where)) as db:
        return [tuple(row) for row in db.execute(statement)]
