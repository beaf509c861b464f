"""What may be thrown away: uploads that a vendor still holds, accounts' troubles, webhooks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from motionkit.journal.database import Store
from motionkit.model import codec

UPLOAD_LIFETIME = 6 * 3600.0
"""Seconds: vendors do not say how long they keep uploads; this is short enough for all we know."""


class Caches:
    """Tables of their own in the journal's file.

    Args:
        store: The file.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cooldowns(
        self, account: str | None = None, fingerprint: str | None = None
    ) -> list[tuple[str, str, str, Mapping[str, Any]]]:
        """Return account, fingerprint, cause and state of accounts that had trouble."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT account, fingerprint, cause, state FROM cooldowns"
                " WHERE (?1 IS NULL OR account=?1) AND (?2 IS NULL OR fingerprint=?2)"
                " ORDER BY account, cause",
                (account, fingerprint),
            ).fetchall()
        return [(*tuple(row)[:3], json.loads(row["state"])) for row in rows]

    def swap_cooldown(
        self,
        account: str,
        fingerprint: str,
        cause: str,
        known: Mapping[str, Any],
        state: Mapping[str, Any],
    ) -> bool:
        """Replace an account's trouble if it is still as known; tell whether it was."""
        with self._store.writing() as db:
            changed = db.execute(
                "UPDATE cooldowns SET state=?"
                " WHERE account=? AND fingerprint=? AND cause=? AND state=?",
                (codec.dumps(state), account, fingerprint, cause, codec.dumps(known)),
            ).rowcount
        return bool(changed)

    def put_cooldown(
        self, account: str, fingerprint: str, cause: str, state: Mapping[str, Any] | None
    ) -> None:
        """Remember an account's trouble; None forgets it."""
        with self._store.writing() as db:
            if state is None:
                db.execute(
                    "DELETE FROM cooldowns WHERE account=? AND fingerprint=? AND cause=?",
                    (account, fingerprint, cause),
                )
            else:
                db.execute(
                    "INSERT OR REPLACE INTO cooldowns VALUES (?,?,?,?)",
                    (account, fingerprint, cause, codec.dumps(state)),
                )

    def drop_cooldowns(self, account: str) -> int:
        """Forget an account's troubles, and return how many there were."""
        with self._store.writing() as db:
            return db.execute("DELETE FROM cooldowns WHERE account=?", (account,)).rowcount

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

    def put_notice(
        self,
        fingerprint: str,
        vendor_id: str,
        state: str,
        content: Mapping[str, Any],
        *,
        over: bool,
    ) -> None:
        """Remember how a job ended, as its vendor said without being asked.

        Args:
            fingerprint: Of the account.
            vendor_id: The job; the journal need not know it yet.
            state: In our words.
            content: In the vendor's.
            over: Whether it replaces what was said before.
        """
        with self._store.writing() as db:
            db.execute(
                "INSERT INTO notices VALUES (?,?,?,?) ON CONFLICT DO UPDATE"
                " SET state=excluded.state, content=excluded.content WHERE ?",
                (fingerprint, vendor_id, state, codec.dumps(content), over),
            )

    def forget_notice(self, fingerprint: str, vendor_id: str) -> None:
        """Forget how a job ended, as its vendor said: it says otherwise by now."""
        with self._store.writing() as db:
            db.execute(
                "DELETE FROM notices WHERE fingerprint=? AND vendor_id=?", (fingerprint, vendor_id)
            )

    def get_notice(self, fingerprint: str, vendor_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return how a job ended, as state and the vendor's words; None when it has not called."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT state, content FROM notices WHERE fingerprint=? AND vendor_id=?",
                (fingerprint, vendor_id),
            ).fetchone()
        return None if row is None else (row["state"], json.loads(row["content"]))
