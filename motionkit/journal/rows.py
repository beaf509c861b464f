"""Map the rows of the journal's tables to records, and values to columns.

Columns that hold JSON hold no known secret and no signed URL.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from motionkit._support.redaction import is_sensitive, redact_data
from motionkit.journal.entries import Attempt, NewPurchase, PurchaseRecord
from motionkit.journal.store import Row
from motionkit.model import codec
from motionkit.model.job import Job, KeyState, State
from motionkit.model.media import MediaRecord, Place
from motionkit.model.money import Cost, Quote
from motionkit.model.submission import Submission

STATES: Mapping[str, str] = {
    state.name.lower(): state.value for kind in (KeyState, State) for state in kind
}
"""Every stored state by the name of its parameter in a statement, such as ``:refused``."""


_PURCHASE = ("key", "request", "via", "word", "sha256", "created", "updated")
_ATTEMPT = ("id", "key", "account", "fingerprint", "state", "owner", "worker")
"""Columns that are read and written as they are."""
_SENT = ("sends", "first_sent", "uptime", "boot", "wall")
"""Columns that are read as they are."""


def stored_path(path: str) -> str:
    """Return a path as the journal holds it: one with bytes that are no UTF-8 as a ``file:`` URL.

    SQLite takes no other text than UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).absolute().as_uri()
    return path


def read_path(stored: str | None) -> str | None:
    """Return a path that the journal holds."""
    if stored is None or not stored.startswith("file:///"):  # a path is absolute
        return stored
    return os.fsdecode(unquote_to_bytes(stored.removeprefix("file://")))


def purchase_columns(purchase: NewPurchase) -> dict[str, Any]:
    """Return the columns of a new purchase, without its state and time."""
    quote = purchase.quote
    whole = codec.dumps(purchase.description)
    media = _media_column(purchase.media) if purchase.media else ""
    if not _is_plain(whole + media):
        whole, media = _masked(whole), media and _masked(media)
    return {
        "key": purchase.key,
        "request": purchase.request,
        "via": purchase.via,
        "description": whole,
        "quote": packed(quote),
        "out": None if purchase.out is None else stored_path(purchase.out),
        "route": purchase.route,
        "reserved": None if quote is None or quote.usd_high is None else str(quote.usd_high),
        "sandbox": purchase.sandbox,
        "batch": purchase.batch,
        "item": purchase.item,
        "labels": masked(purchase.labels) if purchase.labels else None,
        "take": purchase.take,
        "media": media or None,
    }


def attempt_columns(attempt: Attempt) -> dict[str, Any]:
    """Return the columns of a new attempt, without its time."""
    whole = codec.pack(attempt.submission)
    text = _masked(whole)
    plain = {name: getattr(attempt, name) for name in _ATTEMPT}
    return {**plain, "submission": text, "masked": text != whole}


def purchase_of(row: Row, attempts: Sequence[Row]) -> PurchaseRecord:
    """Return the record of a row of ``purchases`` and its rows of ``attempts``.

    Raises:
        ValueError, TypeError, InvalidRequest: A column cannot be read.
    """
    description = json.loads(row["description"])
    return PurchaseRecord(
        **{name: row[name] for name in _PURCHASE},
        out=read_path(row["out"]),
        delivered=read_path(row["delivered"]),
        description=description,
        state=_state(row["state"]),
        ambiguous=bool(row["ambiguous"]),
        quote=unpacked(row["quote"], Quote),
        cost=unpacked(row["cost"], Cost),
        error=json.loads(row["error"]) if row["error"] else None,
        attempts=tuple(map(attempt_of, attempts)),
        finished=row["finished"],
        timed=row["timed"] != 0,
        decision=tuple(json.loads(row["decision"] or "[]")),
        sandbox=None if row["sandbox"] is None else bool(row["sandbox"]),
        batch=row["batch"],
        item=row["item"],
        labels=labels_of(row["labels"]),
        take=row["take"],
        forgotten=row["forgotten"],
        route=row["route"],
        reserved_at=row["reserved_at"],
        media=_media_of(row["media"], description),
    )


def attempt_of(row: Row) -> Attempt:
    """Return the record of a row of ``attempts``."""
    return Attempt(
        **{name: row[name] for name in _ATTEMPT + _SENT},
        submission=unpacked(row["submission"], Submission),
        job=Job.from_json(row["job"]) if row["job"] else None,
        error=json.loads(row["error"]) if row["error"] else None,
        masked=None if row["masked"] is None else bool(row["masked"]),
    )


def labels_of(text: str | None) -> Mapping[str, str]:
    """Return the labels of a column.

    Raises:
        ValueError: It holds something else.
    """
    found = {} if text is None else json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("labels are not an object of texts")
    return found


def _media_column(media: Sequence[Place]) -> str:
    return codec.dumps(
        [
            [field, kind, None if path is None else stored_path(path), sha256]
            for field, kind, path, sha256 in media
        ]
    )


def _media_of(text: str | None, description: Mapping[str, Any]) -> tuple[MediaRecord, ...] | None:
    if text is None:
        return None
    found = codec.structure(json.loads(text), tuple[Place, ...])
    return tuple(
        MediaRecord(field, kind, str(description.get(field, field)), read_path(path), sha256)
        for field, kind, path, sha256 in found
    )


def _state(word: str) -> State | KeyState:
    if word not in STATES.values():
        raise ValueError(f"unknown state {word!r}")
    return KeyState(word) if word.upper() in KeyState.__members__ else State(word)


def packed(value: Any) -> str | None:
    """Return a record as JSON; NULL for None."""
    return None if value is None else codec.pack(value)


def unpacked(text: str | None, kind: type[Any]) -> Any:
    """Return the record that `packed` wrote; None for NULL."""
    return None if text is None else codec.structure(json.loads(text), kind)


def masked(data: Any) -> str:
    """Return JSON with known secrets and the queries of URLs masked."""
    return _masked(codec.dumps(data))


def _is_plain(text: str) -> bool:
    return "\\" not in text and not is_sensitive(text)  # an escape may hide either


def _masked(text: str) -> str:
    return text if _is_plain(text) else codec.dumps(redact_data(json.loads(text)))


def duration(text: str, ended: float) -> tuple[tuple[str, str, str], float, float] | None:
    """Return kind, seconds and end of a job; None where its column cannot be read.

    Statistics do without such a job; `attempt_of` raises for it.
    """
    try:
        job = json.loads(text)
        kind = (str(job["fingerprint"]), str(job["operation"]), str(job["model"]))
        seconds = float(ended) - dt.datetime.fromisoformat(job["submitted_at"]).timestamp()
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return (kind, seconds, ended) if math.isfinite(seconds) and seconds >= 0 else None
