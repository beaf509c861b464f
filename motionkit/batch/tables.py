"""The tables of batches and their items, in the journal's database.

An item says what is left of one row of the input; the journal says what was bought for it. Every
statement runs on SQLite and on PostgreSQL, and may run in several planners and workers at once.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from motionkit._support.displayed import Displayed
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.journal import (
    Journal,
    labels_of,
    masked,
    read_path,
    retried,
    retry_key,
    stored_path,
)
from motionkit.model import codec
from motionkit.model.job import KeyState, State

CHUNK = 1000
"""Items that one transaction adds, and that one query reads."""
_VALUES = 80
"""Items of one INSERT: older SQLite takes 999 parameters."""
_NAMED = 5
"""Ids that the error of an ambiguous reference names at most."""


class BatchState(enum.Enum):
    """The state of a batch."""

    PLANNING = "planning"
    """Its items are being added; workers may begin with those that are there."""
    OPEN = "open"
    """Every item is there."""
    CANCELLED = "cancelled"
    """Nothing new is bought; what is bought is fetched."""
    DONE = "done"
    """No item is planned or running."""


class ItemState(enum.Enum):
    """The state of an item."""

    PLANNED = "planned"
    """No worker has begun with it."""
    RUNNING = "running"
    """A worker submits it, waits for its job, or downloads its file."""
    DONE = "done"
    """Its file is at its place."""
    FAILED = "failed"
    """Its job failed, or the vendor no longer has it; it may have cost."""
    BLOCKED = "blocked"
    """Moderation stopped it; it may have cost."""
    REFUSED = "refused"
    """It was refused before it cost anything."""
    UNCERTAIN = "uncertain"
    """Its submit may have arrived; reconcile resolves it."""
    CANCELLED = "cancelled"
    """The batch was cancelled before a worker began with it."""


LEFT = (ItemState.PLANNED, ItemState.RUNNING)
"""The states of items that workers are to finish."""
RETRIED = (ItemState.FAILED, ItemState.BLOCKED, ItemState.REFUSED, ItemState.CANCELLED)
"""The states that `Batches.retry` takes."""

_BEFORE: Mapping[ItemState, tuple[ItemState, ...]] = {
    ItemState.PLANNED: LEFT,
    ItemState.RUNNING: LEFT,
    ItemState.CANCELLED: LEFT,
}
"""The states that `Batches.put` replaces by a state; any other one by what is left or uncertain."""

_PAID_FOR_NOTHING = (State.FAILED.value, State.BLOCKED.value, State.GONE.value)
"""States of a purchase that may have cost, and that its key can give nothing more for."""
_REFUSED = KeyState.REFUSED.value
_UNRESOLVED = (KeyState.UNCERTAIN.value, KeyState.INTENDED.value)


@attrs.frozen(kw_only=True, repr=False)
class BatchRecord(Displayed):
    """One batch.

    Attributes:
        id: Its id, such as ``b-7f3a91c2``.
        made: When it was made, epoch seconds.
        via: Target or route of the items that name none; None for the default.
        out: The folder or URL of its files.
        options: How it was planned, JSON-able.
        accounts: The fingerprint of each account that its items may use.
        total: How many items it is going to have.
        planned: How many of them were added.
        state: Its state.
    """

    id: str
    made: float
    via: str | None
    out: str
    options: Mapping[str, Any]
    accounts: Mapping[str, str]
    total: int
    planned: int
    state: BatchState

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "batch", self.id
        yield "state", self.state
        yield "items", self.total
        yield "made", dt.datetime.fromtimestamp(self.made, dt.UTC)
        yield "via", self.via
        yield "out", self.out

    def __record__(self) -> Mapping[str, object]:
        return {
            "batch": self.id,
            "state": self.state,
            "total": self.total,
            "planned": self.planned,
            "made": dt.datetime.fromtimestamp(self.made, dt.UTC),
            "via": self.via,
            "out": self.out,
        }


@attrs.frozen
class Item:
    """One item of a batch.

    Attributes:
        batch: The batch's id.
        n: Its number, from 1.
        key: The key of its purchase; that of the last retry.
        request: The request as `motionkit.batch.cells.request_of` reads it, JSON.
        fingerprint: The request's fingerprint.
        via: Target or route; None for the batch's.
        out: Its file, relative to the batch's `out`.
        labels: The labels of its purchase.
        tries: How often it was retried.
        state: Its state.
        error: Why it has no file, JSON-able.
        updated: Its last change, epoch seconds.
    """

    batch: str
    n: int
    key: str
    request: str
    fingerprint: str | None
    via: str | None
    out: str | None
    labels: Mapping[str, str] = attrs.field(factory=dict, kw_only=True, hash=False)
    tries: int = 0
    state: ItemState = ItemState.PLANNED
    error: Mapping[str, Any] | None = None
    updated: float = 0.0

    @property
    def file(self) -> str:
        """The path of its file in the batch's `out`."""
        return self.out or f"{self.n}.mp4"


_COLUMNS = "batch, n, key, request, fingerprint, via, out, tries, state, error, updated, labels"


class Batches:
    """The batches of a journal, safe to share between threads, processes and, there, machines.

    Every method raises `JournalError` where the database cannot be read or written.

    Args:
        store: The journal's database, as `Journal.store`.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def of(cls, journal: Journal) -> Batches:
        """Return the batches of a journal."""
        return cls(journal.store)

    # Planning.

    def create(
        self,
        batch: str,
        *,
        via: str | None,
        out: str,
        options: Mapping[str, Any],
        accounts: Mapping[str, str],
        total: int,
    ) -> BatchRecord:
        """Make a batch without items, unless it exists; return what is there."""
        self._store.execute(
            "INSERT INTO batches (id, made, via, out, options, accounts, total, planned, state)"
            " VALUES (:id, :made, :via, :out, :options, :accounts, :total, 0, :state)"
            " ON CONFLICT (id) DO NOTHING",
            {
                "id": batch,
                "made": self._store.now(),
                "via": via,
                "out": stored_path(out),
                "options": codec.dumps(dict(options)),
                "accounts": codec.dumps(dict(accounts)),
                "total": total,
                "state": BatchState.PLANNING.value,
            },
        )
        return self.get(batch)

    def extend(
        self,
        batch: str,
        *,
        total: int,
        options: Mapping[str, Any] | None = None,
        accounts: Mapping[str, str] | None = None,
    ) -> BatchRecord:
        """Let a batch have more items than before, other options and accounts; return it.

        A batch with items to add is PLANNING again; a cancelled one stays cancelled.
        """
        self._store.execute(
            "UPDATE batches SET total=CASE WHEN total<:total THEN :total ELSE total END,"
            " options=COALESCE(CAST(:options AS TEXT), options),"
            " accounts=COALESCE(CAST(:accounts AS TEXT), accounts),"
            " state=CASE WHEN planned<:total AND state<>:cancelled THEN :planning ELSE state END"
            " WHERE id=:id",
            {
                "id": batch,
                "total": total,
                "options": None if options is None else codec.dumps(dict(options)),
                "accounts": None if accounts is None else codec.dumps(dict(accounts)),
                "planning": BatchState.PLANNING.value,
                "cancelled": BatchState.CANCELLED.value,
            },
        )
        return self.get(batch)

    def add(self, batch: str, items: Iterable[Item]) -> Iterator[int]:
        """Add items in the order of their numbers, a transaction for each `CHUNK`.

        A killed planner continues with the same items: those that are there stay.

        Yields, after each transaction, the number up to which the items are there.

        Raises:
            InvalidRequest: A key belongs to another item, an item is there with another request, or
                the batch was cancelled meanwhile. The items of earlier transactions stay.
        """
        left = iter(items)
        while chunk := list(islice(left, CHUNK)):
            self._add(batch, chunk)
            yield chunk[-1].n

    def _add(self, batch: str, chunk: Sequence[Item]) -> None:
        now = self._store.now()
        with self._store.writing("write a batch to") as db:
            counted = db.execute(
                "UPDATE batches SET planned=CASE WHEN planned<:n THEN :n ELSE planned END,"
                " state=CASE WHEN state=:planning AND :n>=total THEN :open ELSE state END"
                " WHERE id=:id AND state<>:cancelled",
                {
                    "id": batch,
                    "n": chunk[-1].n,
                    "planning": BatchState.PLANNING.value,
                    "open": BatchState.OPEN.value,
                    "cancelled": BatchState.CANCELLED.value,
                },
            ).rowcount
            if not counted:
                raise InvalidRequest(
                    f"batch {batch} was cancelled: no item is added",
                    field="batch",
                    value=batch,
                    hint="retry its cancelled items to go on with it",
                )
            added = 0
            for begin in range(0, len(chunk), _VALUES):
                part = chunk[begin : begin + _VALUES]
                rows, values = [], {"batch": batch, "now": now, "planned": ItemState.PLANNED.value}
                for place, item in enumerate(part):
                    rows.append(
                        f"(:batch, :n{place}, :k{place}, :r{place}, :f{place}, :v{place},"
                        f" :o{place}, 0, :planned, NULL, :now, :l{place})"
                    )
                    values |= {
                        f"n{place}": item.n,
                        f"k{place}": item.key,
                        f"r{place}": item.request,
                        f"f{place}": item.fingerprint,
                        f"v{place}": item.via,
                        f"o{place}": item.out,
                        f"l{place}": masked(item.labels) if item.labels else None,
                    }
                added += db.execute(
                    f"INSERT INTO items ({_COLUMNS}) VALUES {', '.join(rows)}"  # noqa: S608
                    " ON CONFLICT DO NOTHING",
                    values,
                ).rowcount
            if added < len(chunk):
                self._refuse_taken(db, batch, chunk)

    @staticmethod
    def _refuse_taken(db: Any, batch: str, chunk: Sequence[Item]) -> None:
        """Refuse what another item or another planner has; what is the same was added before."""
        keys = json.dumps([item.key for item in chunk])
        found = db.execute(
            "SELECT key, batch, n, fingerprint, via FROM items"
            " WHERE key IN (SELECT value FROM json_each(:keys))"
            " OR (batch=:batch AND n>=:first AND n<=:last)",
            {"keys": keys, "batch": batch, "first": chunk[0].n, "last": chunk[-1].n},
        ).fetchall()
        mine = {item.n: item for item in chunk}
        numbers = {item.key: item.n for item in chunk}
        for row in found:
            if (row["batch"], row["n"]) != (batch, numbers.get(row["key"], row["n"])):
                raise InvalidRequest(
                    f"key {row['key']!r} belongs to item {row['n']} of batch {row['batch']}",
                    field="key",
                    value=row["key"],
                    limit="a key that no other item has",
                )
            item = mine[row["n"]]
            same = (item.fingerprint, item.via) == (row["fingerprint"], row["via"])
            if not same or not same_key(item.key, row["key"]):
                raise InvalidRequest(
                    f"item {row['n']} of batch {batch} was planned with another row meanwhile",
                    field="items",
                    value=str(row["n"]),
                    hint="plan the batch again, and see which rows differ",
                )

    # Reading.

    def get(self, reference: str) -> BatchRecord:
        """Return the batch that an id, or its unambiguous beginning, names.

        Raises:
            InvalidRequest: None does, or several do.
        """
        found = self._records(
            "WHERE id=:id OR substr(id,1,:length)=:id ORDER BY id",
            {"id": reference, "length": len(reference)},
        )
        exact = [record for record in found if record.id == reference]
        named = exact or (found if reference.strip() else [])
        if len(named) == 1:
            return named[0]
        if not named:
            raise InvalidRequest(
                f"no batch matches {reference!r}",
                field="batch",
                value=reference,
                hint="mk.Batch.listed() has them",
            )
        listed = ", ".join(record.id for record in named[:_NAMED])
        rest = len(named) - _NAMED
        raise InvalidRequest(
            f"{len(named)} batches match {reference!r}: {listed}"
            f"{f' and {rest} more' if rest > 0 else ''}",
            field="batch",
            value=reference,
        )

    def find(self, batch: str) -> BatchRecord | None:
        """Return the batch with an id, None where there is none."""
        found = self._records("WHERE id=:id", {"id": batch})
        return found[0] if found else None

    def listed(self) -> list[BatchRecord]:
        """Return every batch, the newest first."""
        return self._records("ORDER BY made DESC, id", {})

    def _records(self, where: str, values: Mapping[str, Any]) -> list[BatchRecord]:
        query = (
            "SELECT id, made, via, out, options, accounts, total, planned, state"  # noqa: S608
            f" FROM batches {where}"
        )
        return [
            BatchRecord(
                id=row["id"],
                made=row["made"],
                via=row["via"],
                out=read_path(row["out"]) or "",
                options=json.loads(row["options"]),
                accounts=json.loads(row["accounts"]),
                total=row["total"],
                planned=row["planned"],
                state=BatchState(row["state"]),
            )
            for row in self._store.query(query, values)
        ]

    def item(self, batch: str, n: int) -> Item:
        """Return one item.

        Raises:
            InvalidRequest: The batch has no such item.
        """
        found = self._store.query(
            f"SELECT {_COLUMNS} FROM items WHERE batch=:batch AND n=:n",  # noqa: S608
            {"batch": batch, "n": n},
        )
        if not found:
            raise InvalidRequest(f"batch {batch} has no item {n}", field="item", value=str(n))
        return _item(found[0])

    def of_keys(self, keys: Iterable[str]) -> list[Item]:
        """Return the items of any batch that have one of these keys."""
        found = self._store.query(
            f"SELECT {_COLUMNS} FROM items"  # noqa: S608
            " WHERE key IN (SELECT value FROM json_each(:keys))",
            {"keys": json.dumps([*keys])},
        )
        return [_item(row) for row in found]

    def bought(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the request's fingerprint of each of these keys that names a purchase."""
        found = self._store.query(
            "SELECT key, request FROM purchases WHERE key IN (SELECT value FROM json_each(:keys))",
            {"keys": json.dumps([*keys])},
        )
        return {row["key"]: row["request"] for row in found}

    def items(
        self,
        batch: str,
        states: Iterable[ItemState] | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """Yield items by number, read in pages of `CHUNK`, so that a million take no memory.

        Args:
            batch: The batch's id.
            states: Only those in one of these states.
            after: Only those with a higher number.
            limit: How many at most.
        """
        wanted = [state.value for state in (ItemState if states is None else states)]
        left = limit
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            # `state||''` keeps the database from the index by state: it would sort the whole batch
            # for each page. By the primary key, all pages together read it once.
            found = self._store.query(
                f"SELECT {_COLUMNS} FROM items WHERE batch=:batch AND n>:after"  # noqa: S608
                " AND state||'' IN (SELECT value FROM json_each(:states)) ORDER BY n LIMIT :size",
                {"batch": batch, "after": after, "size": size, "states": json.dumps(wanted)},
            )
            yield from map(_item, found)
            if len(found) < size:
                return
            after = found[-1]["n"]
            left = None if left is None else left - len(found)

    def left(self, batch: str, after: int = 0, limit: int = CHUNK) -> list[Item]:
        """Return the first items that are planned or running, with numbers above `after`."""
        return list(self.items(batch, LEFT, after, limit))

    def counts(self, batch: str) -> Mapping[ItemState, int]:
        """Return how many items are in each state."""
        found = self._store.query(
            "SELECT state, COUNT(*) AS items FROM items WHERE batch=:batch GROUP BY state",
            {"batch": batch},
        )
        counted = {row["state"]: row["items"] for row in found}
        return {state: counted.get(state.value, 0) for state in ItemState}

    # What workers and users change.

    def put(
        self,
        batch: str,
        n: int,
        state: ItemState,
        *,
        error: MotionKitError | Mapping[str, Any] | None = None,
    ) -> bool:
        """Write the state of an item.

        What has ended stays, except an UNCERTAIN one; a cancelled item is not begun.

        Args:
            batch: The batch's id.
            n: The item's number.
            state: Its new state.
            error: Why it has no file.

        Returns:
            Whether the item took the state. False for RUNNING: it may not be bought.
        """
        before = _BEFORE.get(state, (*LEFT, ItemState.UNCERTAIN))
        fields = error.to_dict() if isinstance(error, MotionKitError) else error
        return bool(
            self._store.execute(
                "UPDATE items SET state=:state, error=:error, updated=:now WHERE batch=:batch"
                " AND n=:n AND state IN (SELECT value FROM json_each(:before))",
                {
                    "batch": batch,
                    "n": n,
                    "state": state.value,
                    "error": None if fields is None else masked(dict(fields)),
                    "now": self._store.now(),
                    "before": json.dumps([one.value for one in before]),
                },
            )
        )

    def cancel(self, batch: str) -> int:
        """Let nothing new be bought for a batch; return how many items were cancelled.

        Items that a worker has begun with go on: the worker asks for the batch's state before it
        buys.
        """
        self._store.execute(
            "UPDATE batches SET state=:cancelled WHERE id=:id",
            {"id": batch, "cancelled": BatchState.CANCELLED.value},
        )
        return self._move(batch, ItemState.PLANNED, ItemState.CANCELLED)

    def _move(self, batch: str, before: ItemState, state: ItemState) -> int:
        """Move all items from a state to another, in ranges, so that no writer waits long."""
        moved, size = 0, 10 * CHUNK
        for begin in range(0, self.get(batch).planned, size):
            moved += self._store.execute(
                "UPDATE items SET state=:state, updated=:now WHERE batch=:batch"
                " AND n>:begin AND n<=:end AND state||''=:before",
                {
                    "batch": batch,
                    "begin": begin,
                    "end": begin + size,
                    "before": before.value,
                    "state": state.value,
                    "now": self._store.now(),
                },
            )
        return moved

    def retry(self, batch: str, states: Iterable[ItemState]) -> int:
        """Plan items again that ended without a file; return how many.

        The journal decides under which key. Where the purchase may have cost and gives nothing
        more, it is a new purchase under `retry_key`. Where it was refused, or its job has a result,
        the same key continues. An item whose purchase is not resolved stays as it is: it is never
        bought again.

        Raises:
            InvalidRequest: One of the states cannot be retried.
        """
        wanted = set(states)
        for state in sorted(wanted - {*RETRIED}, key=lambda one: one.value):
            raise InvalidRequest(
                f"{state.value} items are not retried",
                field="states",
                value=state.value,
                limit=", ".join(one.value for one in RETRIED),
                hint="client.jobs.reconcile resolves uncertain purchases"
                if state is ItemState.UNCERTAIN
                else None,
            )
        record = self.get(batch)
        retried_items = after = 0
        while True:
            chunk = list(self.items(record.id, wanted, after, CHUNK))
            if not chunk:
                break
            after = chunk[-1].n
            retried_items += self._retry(record.id, chunk)
        if retried_items:
            self._reopen(record.id)
        return retried_items

    def _retry(self, batch: str, chunk: Sequence[Item]) -> int:
        with self._store.writing("write a batch to") as db:
            keys = json.dumps([item.key for item in chunk])
            found = db.execute(
                "SELECT key, state, ambiguous FROM purchases"
                " WHERE key IN (SELECT value FROM json_each(:keys))",
                {"keys": keys},
            ).fetchall()
            bought = {row["key"]: row for row in found}
            moved = 0
            for item in chunk:
                key = self._next_key(db, item, bought.get(item.key))
                if key is None:
                    continue
                moved += db.execute(
                    "UPDATE items SET key=:key, tries=tries+1, state=:planned, error=NULL,"
                    " updated=:now WHERE batch=:batch AND n=:n AND state=:state",
                    {
                        "batch": batch,
                        "n": item.n,
                        "key": key,
                        "state": item.state.value,
                        "planned": ItemState.PLANNED.value,
                        "now": self._store.now(),
                    },
                ).rowcount
        return moved

    @staticmethod
    def _next_key(db: Any, item: Item, purchase: Mapping[str, Any] | None) -> str | None:
        """Return the key under which an item continues; None where its purchase is not resolved."""
        if purchase is None:
            return item.key
        if purchase["ambiguous"] or purchase["state"] in _UNRESOLVED:
            return None
        if purchase["state"] not in _PAID_FOR_NOTHING:
            return item.key
        # A route may have bought it again already, under the keys that a retry would take.
        first = retried(item.key) or item.key
        later = db.execute(
            "SELECT key, state, ambiguous FROM purchases WHERE key>=:low AND key<:high",
            {"low": f"{first}~0", "high": f"{first}~:"},
        ).fetchall()
        numbers = {
            row["key"]: int(row["key"].rpartition("~")[2])
            for row in later
            if retried(row["key"]) == first
        }
        number = max([item.tries + 1, *numbers.values()]) + 1
        live = [row for row in later if numbers.get(row["key"]) and row["state"] != _REFUSED]
        if any(row["ambiguous"] or row["state"] in _UNRESOLVED for row in live):
            return None
        if any(row["state"] not in _PAID_FOR_NOTHING for row in live):
            return item.key  # the one that a retry bought is running, or has a result
        return retry_key(item.key, number)

    def _reopen(self, batch: str) -> None:
        self._store.execute(
            "UPDATE batches SET state=CASE WHEN planned<total THEN :planning ELSE :open END"
            " WHERE id=:id",
            {"id": batch, "planning": BatchState.PLANNING.value, "open": BatchState.OPEN.value},
        )

    def resolve(self, batch: str) -> int:
        """Let workers finish the uncertain items whose purchases were resolved; return how many.

        One whose purchase was refused is REFUSED: only a retry buys it.
        """
        moved = 0
        if not self.counts(batch)[ItemState.UNCERTAIN]:
            return 0
        for item in self.items(batch, [ItemState.UNCERTAIN]):
            found = self._store.query(
                "SELECT state, ambiguous FROM purchases WHERE key=:key", {"key": item.key}
            )
            if not found or found[0]["ambiguous"] or found[0]["state"] in _UNRESOLVED:
                continue
            refused = found[0]["state"] == KeyState.REFUSED.value
            state = ItemState.REFUSED if refused else ItemState.PLANNED
            moved += self._store.execute(
                "UPDATE items SET state=:state, updated=:now WHERE batch=:batch AND n=:n"
                " AND state=:uncertain",
                {
                    "batch": batch,
                    "n": item.n,
                    "state": state.value,
                    "uncertain": ItemState.UNCERTAIN.value,
                    "now": self._store.now(),
                },
            )
        self._continue(batch, moved)
        return moved

    def fetch_again(self, batch: str, items: Iterable[Item]) -> int:
        """Let workers download the files of items that are done; return how many.

        Only those whose purchase has a result: nothing is bought for them.
        """
        moved = 0
        for item in items:
            first = retried(item.key) or item.key
            moved += self._store.execute(
                "UPDATE items SET state=:planned, updated=:now WHERE batch=:batch AND n=:n"
                " AND state=:done AND EXISTS (SELECT 1 FROM purchases WHERE state=:succeeded"
                " AND (key=:first OR (key>=:low AND key<:high)))",
                {
                    "batch": batch,
                    "n": item.n,
                    "planned": ItemState.PLANNED.value,
                    "done": ItemState.DONE.value,
                    "succeeded": State.SUCCEEDED.value,
                    "now": self._store.now(),
                    "first": first,
                    "low": f"{first}~0",
                    "high": f"{first}~:",
                },
            )
        self._continue(batch, moved)
        return moved

    def _continue(self, batch: str, moved: int) -> None:
        """Open a batch again that was done, where items were moved; a cancelled one stays so."""
        if moved:
            self._store.execute(
                "UPDATE batches SET state=:open WHERE id=:id AND state=:done",
                {"id": batch, "open": BatchState.OPEN.value, "done": BatchState.DONE.value},
            )

    def finish(self, batch: str) -> bool:
        """Write that an open batch is done where no item is planned or running.

        Returns:
            Whether it is done, or a cancelled batch has no item left that runs.
        """
        self._store.execute(
            "UPDATE batches SET state=:done WHERE id=:id AND state=:open AND NOT EXISTS"
            " (SELECT 1 FROM items WHERE batch=:id AND state IN (:planned, :running))",
            {
                "id": batch,
                "done": BatchState.DONE.value,
                "open": BatchState.OPEN.value,
                "planned": ItemState.PLANNED.value,
                "running": ItemState.RUNNING.value,
            },
        )
        record = self.get(batch)
        if record.state is BatchState.CANCELLED:
            return not any(self.counts(batch)[state] for state in LEFT)
        return record.state is BatchState.DONE


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        row["batch"],
        row["n"],
        row["key"],
        row["request"],
        row["fingerprint"],
        row["via"],
        row["out"],
        row["tries"],
        ItemState(row["state"]),
        json.loads(row["error"]) if row["error"] else None,
        row["updated"],
        labels=labels_of(row["labels"]),
    )


def same_key(planned: str, now: str) -> bool:
    """Return whether an item that was planned with a key may have the other one after retries."""
    return now == planned or (retried(now) or now) == planned
