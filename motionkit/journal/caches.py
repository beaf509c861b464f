"""Disposable tables: cached uploads, circuit breakers, webhook events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from motionkit.journal.store import Store
from motionkit.model import codec

UPLOAD_LIFETIME = 6 * 3600.0
"""Seconds: vendors do not document how long they keep uploads; no shorter time is known."""


class Caches:
    """The disposable tables of the journal's file. No purchase depends on them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _write(self, statement: str, values: Mapping[str, Any]) -> int:
        """Run a statement whose effect may be lost in a crash of the database."""
        return self._store.execute(statement, values, durable=False)

    def cooldowns(
        self, account: str | None = None, fingerprint: str | None = None
    ) -> list[tuple[str, str, str, Mapping[str, Any]]]:
        """Return account, fingerprint, cause and state of the breakers that are not closed."""
        found = self._store.query(
            "SELECT account, fingerprint, cause, state FROM cooldowns"
            " WHERE (CAST(:account AS TEXT) IS NULL OR account=:account)"
            " AND (CAST(:fingerprint AS TEXT) IS NULL OR fingerprint=:fingerprint)"
            " ORDER BY account, cause",
            {"account": account, "fingerprint": fingerprint},
        )
        return [(*tuple(row)[:3], json.loads(row["state"])) for row in found]

    def swap_cooldown(
        self,
        account: str,
        fingerprint: str,
        cause: str,
        expected: Mapping[str, Any],
        state: Mapping[str, Any],
    ) -> bool:
        """Replace a breaker's state if it is still the expected one; return whether it was."""
        changed = self._write(
            "UPDATE cooldowns SET state=:state"
            " WHERE account=:account AND fingerprint=:fingerprint AND cause=:cause"
            " AND state=:expected",
            {
                "account": account,
                "fingerprint": fingerprint,
                "cause": cause,
                "state": codec.dumps(state),
                "expected": codec.dumps(expected),
            },
        )
        return bool(changed)

    def put_cooldown(
        self, account: str, fingerprint: str, cause: str, state: Mapping[str, Any]
    ) -> None:
        """Store a breaker's state."""
        self._write(
            "INSERT INTO cooldowns (account, fingerprint, cause, state)"
            " VALUES (:account, :fingerprint, :cause, :state)"
            " ON CONFLICT (account, fingerprint, cause) DO UPDATE SET state=excluded.state",
            {
                "account": account,
                "fingerprint": fingerprint,
                "cause": cause,
                "state": codec.dumps(state),
            },
        )

    def drop_cooldowns(
        self, account: str, fingerprint: str | None = None, causes: Iterable[str] | None = None
    ) -> int:
        """Delete an account's breakers in one statement.

        Returns:
            How many there were.
        """
        listed = None if causes is None else codec.dumps(list(causes))
        return self._write(
            "DELETE FROM cooldowns WHERE account=:account"
            " AND (CAST(:fingerprint AS TEXT) IS NULL OR fingerprint=:fingerprint)"
            " AND (CAST(:causes AS TEXT) IS NULL"
            " OR cause IN (SELECT value FROM json_each(:causes)))",
            {"account": account, "fingerprint": fingerprint, "causes": listed},
        )

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        """Return the vendor's token for that content, None when unknown or too old."""
        found = self._store.query(
            "SELECT token, at FROM uploads"
            " WHERE fingerprint=:fingerprint AND slot=:slot AND sha256=:sha256",
            {"fingerprint": fingerprint, "slot": slot, "sha256": sha256},
        )
        if not found or found[0]["at"] <= self._store.now() - UPLOAD_LIFETIME:
            return None
        token: str = found[0]["token"]
        return token

    def forget_uploads(self, fingerprint: str, tokens: Iterable[str]) -> None:
        """Delete tokens that the vendor no longer accepts."""
        self._write(
            "DELETE FROM uploads"
            " WHERE fingerprint=:fingerprint AND token IN (SELECT value FROM json_each(:tokens))",
            {"fingerprint": fingerprint, "tokens": codec.dumps(list(tokens))},
        )

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        """Store the vendor's token for that content."""
        self._write(
            "INSERT INTO uploads (fingerprint, slot, sha256, token, at)"
            " VALUES (:fingerprint, :slot, :sha256, :token, :at)"
            " ON CONFLICT (fingerprint, slot, sha256)"
            " DO UPDATE SET token=excluded.token, at=excluded.at",
            {
                "fingerprint": fingerprint,
                "slot": slot,
                "sha256": sha256,
                "token": token,
                "at": self._store.now(),
            },
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
        """Store how a job ended according to a webhook."""
        self._store.execute(
            "INSERT INTO notices (fingerprint, vendor_id, state, content)"
            " VALUES (:fingerprint, :job, :state, :content)"
            " ON CONFLICT (fingerprint, vendor_id)"
            " DO UPDATE SET state=excluded.state, content=excluded.content WHERE :over<>0",
            {
                "fingerprint": fingerprint,
                "job": vendor_id,
                "state": state,
                "content": codec.dumps(content),
                "over": over,
            },
        )

    def forget_notice(self, fingerprint: str, vendor_id: str) -> None:
        """Delete how a job ended according to a webhook: the vendor has contradicted it."""
        self._store.execute(
            "DELETE FROM notices WHERE fingerprint=:fingerprint AND vendor_id=:job",
            {"fingerprint": fingerprint, "job": vendor_id},
        )

    def get_notice(self, fingerprint: str, vendor_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return state and vendor's body of a job's webhook; None when there was none."""
        found = self._store.query(
            "SELECT state, content FROM notices WHERE fingerprint=:fingerprint AND vendor_id=:job",
            {"fingerprint": fingerprint, "job": vendor_id},
        )
        return (found[0]["state"], json.loads(found[0]["content"])) if found else None
