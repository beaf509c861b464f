"""What may be thrown away: uploads that a vendor still holds, and accounts that had trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from motionkit import codec
from motionkit.store import Store

UPLOAD_LIFETIME = 6 * 3600.0
"""Seconds: vendors do not say how long they keep uploads; this is short enough for all we know."""


class Caches:
    """Tables of their own in the journal's file.

    Args:
        store: The file.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cooldowns(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Return what is known of accounts that had trouble, by account and cause."""
        with self._store.reading() as db:
            rows = db.execute("SELECT account, cause, state FROM cooldowns").fetchall()
        return {(row["account"], row["cause"]): json.loads(row["state"]) for row in rows}

    def swap_cooldown(
        self, account: str, cause: str, known: Mapping[str, Any], state: Mapping[str, Any]
    ) -> bool:
        """Replace an account's trouble if it is still as known; tell whether it was."""
        with self._store.writing() as db:
            changed = db.execute(
                "UPDATE cooldowns SET state=? WHERE account=? AND cause=? AND state=?",
                (codec.dumps(state), account, cause, codec.dumps(known)),
            ).rowcount
        return bool(changed)

    def put_cooldown(self, account: str, cause: str, state: Mapping[str, Any] | None) -> None:
        """Remember an account's trouble; None forgets it."""
        with self._store.writing() as db:
            if state is None:
                db.execute("DELETE FROM cooldowns WHERE account=? AND cause=?", (account, cause))
            else:
                db.execute(
                    "INSERT OR REPLACE INTO cooldowns VALUES (?,?,?)",
                    (account, cause, codec.dumps(state)),
                )

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        """Return what the vendor holds of that content, None when unknown or too old."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT token FROM uploads WHERE fingerprint=? AND slot=? AND sha256=? AND at>?",
                (fingerprint, slot, sha256, time.time() - UPLOAD_LIFETIME),
            ).fetchone()
        return row["token"] if row else None

    def forget_uploads(self, fingerprint: str, tokens: Iterable[str]) -> None:
        """Forget what the vendor no longer holds."""
        with self._store.writing() as db:
            db.executemany(
                "DELETE FROM uploads WHERE fingerprint=? AND token=?",
                [(fingerprint, token) for token in tokens],
            )

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        """Remember what the vendor holds."""
        with self._store.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?,?,?,?,?)",
                (fingerprint, slot, sha256, token, time.time()),
            )
