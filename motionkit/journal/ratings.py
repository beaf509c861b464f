"""Ratings of results, a row for each rated purchase; no purchase reads or writes them.

A row also has what the purchase used, so that the mean of a target is one small statement.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from motionkit.errors import InvalidRequest, JournalError
from motionkit.journal.entries import CHECK, PurchaseRecord
from motionkit.journal.listing import Filter
from motionkit.journal.store import Lock, Row, Store
from motionkit.model.rating import Means, Rated, Rating, Stars

PAGE = 500
"""Ratings that are written in one transaction."""
_LOCKS: Sequence[Lock] = (("prune", ""),)
"""No purchase is pruned and no other rating written meanwhile."""
_KEYS = "key IN (SELECT value FROM json_each(:keys))"
_COLUMNS = "key, stars, note, rated"
_PUT = (
    "INSERT INTO ratings (key, stars, note, rated, account, operation, model, sandbox)"
    " SELECT :key, CAST(:stars AS INTEGER), CAST(:note AS TEXT), CAST(:rated AS REAL),"
    " CAST(:account AS TEXT), CAST(:operation AS TEXT), CAST(:model AS TEXT),"
    " CAST(:sandbox AS INTEGER) WHERE EXISTS (SELECT 1 FROM purchases WHERE key=:key)"
    " ON CONFLICT (key) DO UPDATE SET stars=:stars, note=:note, rated=:rated"
)


def put(store: Store, rated: Iterable[tuple[Rating, PurchaseRecord]]) -> Rated:
    """Write ratings; of two ratings of a purchase the newer one stays.

    Args:
        store: The journal's database.
        rated: Each with its purchase, which has a job.

    Returns:
        What became of them. Interrupted, some are written; the same call again writes the rest.

    Raises:
        JournalError: The database cannot be written.
    """
    total, left = Rated(), iter(rated)
    while page := list(islice(left, PAGE)):
        keys = json.dumps([rating.key for rating, _ in page])
        with store.writing("write ratings to", locks=_LOCKS) as db:
            found = db.execute(
                f"SELECT {_COLUMNS} FROM ratings WHERE {_KEYS}",  # noqa: S608 - constants
                {"keys": keys},
            )
            known = {row["key"]: (row["stars"], row["note"], row["rated"]) for row in found}
            for rating, record in page:
                at = rating.rated_at.timestamp()
                mine, there = (rating.stars, rating.note, at), known.get(rating.key)
                if there is not None and at <= there[2]:
                    same = mine == there
                    total += Rated(unchanged=same, older=not same)
                    continue
                db.execute(_PUT, {**_columns(rating, record), "rated": at})
                known[rating.key] = mine
                total += Rated(new=there is None, changed=there is not None)
    return total


def _columns(rating: Rating, record: PurchaseRecord) -> dict[str, Any]:
    job = record.job
    return {
        "key": rating.key,
        "stars": rating.stars,
        "note": rating.note,
        "account": "" if job is None else job.account,
        "operation": "" if job is None else job.operation,
        "model": "" if job is None else job.model,
        "sandbox": int(bool(record.sandbox)),
    }


def every(store: Store, which: Filter) -> list[Rating]:
    """Return the ratings of purchases, the newest rating last."""
    where, values = which.where()
    found = store.query(
        f"SELECT {_COLUMNS} FROM ratings"  # noqa: S608 - constants
        f" WHERE key IN (SELECT key FROM purchases WHERE {where}) ORDER BY rated, key",
        values,
    )
    return [_rating(row) for row in found]


def of(store: Store, keys: Iterable[str]) -> Mapping[str, Rating]:
    """Return the ratings of those of some purchases that have one, by key."""
    found = store.query(
        f"SELECT {_COLUMNS} FROM ratings WHERE {_KEYS}",  # noqa: S608 - constants
        {"keys": json.dumps(list(keys))},
    )
    return {row["key"]: _rating(row) for row in found}


def means(store: Store, operation: str) -> Means:
    """Return the mean rating of each target for an operation."""
    found = store.query(
        "SELECT account, model, sandbox, COUNT(*) AS n, SUM(stars) AS stars FROM ratings"
        " WHERE operation=:operation GROUP BY account, model, sandbox",
        {"operation": operation},
    )
    return {
        (row["account"], row["model"], bool(row["sandbox"])): Stars(
            int(row["stars"]) / row["n"], int(row["n"])
        )
        for row in found
    }


def _rating(row: Row) -> Rating:
    try:
        at = dt.datetime.fromtimestamp(row["rated"], dt.UTC)
        return Rating(row["key"], row["stars"], row["note"], at)
    except (InvalidRequest, ValueError, TypeError, OverflowError) as error:
        raise JournalError(
            f"the rating of {row['key']!r} is corrupt: {error}",
            hint=CHECK,
        ) from error
