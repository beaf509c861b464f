"""Find purchases for people: by state, time, account, route, labels or text, in pages.

A filtered page reads each purchase once at most: no index makes a purchase dearer for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from motionkit.journal.store import Store
from motionkit.model import codec
from motionkit.model.job import KeyState

PAGE = 500
"""Purchases that are read at once where many are asked for."""
UNFINISHED = (
    "state NOT IN ('refused','failed','blocked','gone')"
    " AND (state<>'succeeded' OR (delivered IS NULL AND forgotten IS NULL))"
)
"""What `PurchaseRecord.open` says, as the indexes have it: only the same words use them."""

_ESCAPE = "!"
_SEARCHED = ("key", "via", "word", "out", "delivered")
_SEARCHED_JSON = ("description", "error", "labels")

_CONTAINS = " OR ".join(
    f"LOWER(COALESCE({name},'')) LIKE :{parameter} ESCAPE '{_ESCAPE}'"
    for names, parameter in ((_SEARCHED, "text"), (_SEARCHED_JSON, "json"))
    for name in names
)
_SEARCH = f"({_CONTAINS} OR key IN (SELECT key FROM attempts WHERE vendor_id=:job))"  # noqa: S608


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Filter:
    """Which purchases are meant; all conditions hold together.

    Attributes:
        open_only: Only unfinished ones.
        states: Only those in one of these stored states; ``uncertain`` means whatever may have
            arrived. None for any.
        since: Only those that were written since then, in epoch seconds.
        account: Only those of this account: the one of the last attempt.
        route: Only those that this route chose a target for.
        batch: Only those that were made for this batch.
        labels: Only those with all of these labels.
        search: Only those with this text in the key, the request, the target, a label, the vendor's
            status, an error or a file's path, or with it as the job's id. The letters A to Z are
            found in either case.
    """

    open_only: bool = False
    states: tuple[str, ...] | None = None
    since: float | None = None
    account: str | None = None
    route: str | None = None
    batch: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    search: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """Return the condition of a statement, and the values of its parameters."""
        parts: list[str] = []
        values: dict[str, Any] = {}
        if self.open_only:
            parts.append(UNFINISHED)
        if self.states is not None:
            doubtful = " OR ambiguous<>0" * (KeyState.UNCERTAIN.value in self.states)
            parts.append(f"(state IN (SELECT value FROM json_each(:states)){doubtful})")  # noqa: S608
            values["states"] = json.dumps(list(self.states))
        if self.since is not None:
            parts.append("created>=:since")
            values["since"] = self.since
        if self.account is not None:
            parts.append(
                ":account=(SELECT account FROM attempts WHERE attempts.key=purchases.key"
                " ORDER BY rowid DESC LIMIT 1)"
            )
            values["account"] = self.account
        if self.route is not None:
            parts.append("route=:route")
            values["route"] = self.route
        if self.batch is not None:
            parts.append("batch=:batch")
            values["batch"] = self.batch
        for number, (name, text) in enumerate(self.labels.items()):
            # Exact in compact JSON: within a text, a quote has a backslash before it.
            parts.append(f"REPLACE(labels,:label{number},'')<>labels")
            values[f"label{number}"] = f"{codec.dumps(name)}:{codec.dumps(text)}"
        if self.search is not None:
            parts.append(_SEARCH)
            values["text"] = _pattern(self.search)
            values["json"] = _pattern(codec.dumps(self.search)[1:-1])
            values["job"] = self.search
        return " AND ".join(parts) or "1=1", values


ALL = Filter()
"""Every purchase."""


def _pattern(text: str) -> str:
    """Return what LIKE takes for any text that contains this one, A to Z in lower case."""
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, f"{_ESCAPE}{special}")
    return f"%{''.join(one.lower() if one.isascii() else one for one in text)}%"


def newest(store: Store, which: Filter, limit: int) -> list[str]:
    """Return the keys of the newest purchases, oldest first."""
    where, values = which.where()
    found = store.query(
        f"SELECT key FROM purchases WHERE {where}"  # noqa: S608 - constants
        f" ORDER BY {_order(which)} DESC, key DESC LIMIT :limit",
        {**values, "limit": limit},
    )
    return [row["key"] for row in reversed(found)]


def pages(store: Store, which: Filter) -> Iterator[list[str]]:
    """Yield the keys of all purchases, oldest first."""
    where, values = which.where()
    if which.open_only:  # few, and one that ends meanwhile still belongs to the list
        found = store.query(
            f"SELECT key FROM purchases WHERE {where} ORDER BY {_order(which)}, key",  # noqa: S608
            values,
        )
        keys = [row["key"] for row in found]
        yield from (keys[begin : begin + PAGE] for begin in range(0, len(keys), PAGE))
        return
    after: dict[str, Any] = {"created": -1e300, "key": ""}
    while True:
        found = store.query(
            "SELECT created, key FROM purchases WHERE (created,key)>(:created,:key)"  # noqa: S608
            f" AND {where} ORDER BY created, key LIMIT :limit",
            {**values, **after, "limit": PAGE},
        )
        yield [row["key"] for row in found]
        if len(found) < PAGE:
            return
        after = {name: found[-1][name] for name in after}


def count(store: Store, which: Filter) -> int:
    """Return how many purchases there are."""
    where, values = which.where()
    query = f"SELECT COUNT(*) AS n FROM purchases WHERE {where}"  # noqa: S608 - constants
    return int(store.query(query, values)[0]["n"])


def _order(which: Filter) -> str:
    # Without the plus, SQLite walks all purchases in that order instead of sorting these.
    return "+created" if which.open_only else "created"
