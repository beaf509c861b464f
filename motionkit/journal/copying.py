"""Copy a journal from one database into another one, of either kind, page by page.

The copy may be interrupted and run again: what the target has already is compared, not written.
Counters of budgets are not copied, but each purchase, pruned or not, adds what it counted; the
running processes and the calls of the last minute are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from motionkit.errors import JournalError
from motionkit.journal import budget, pending
from motionkit.journal.databases import open_store
from motionkit.journal.journal import Journal
from motionkit.journal.pending import Pending
from motionkit.journal.store import Store, Where

_PAGE = 1000
_NAMED = 5
"""Rows that an error names at most."""

_OWN = frozenset({"n", "counted"})
"""Columns of purchases and attempts that are not compared: the order of insertion, and what is in
the counters of budgets."""


@attrs.frozen
class _Table:
    """A table, and the columns that order its rows.

    Attributes:
        key: Its primary key.
        order: Unique columns with an index.
        cache: Whether rows may differ: the target's are newer.
    """

    name: str
    key: tuple[str, ...]
    order: tuple[str, ...] = ()
    cache: bool = False

    @property
    def ordered(self) -> tuple[str, ...]:
        return self.order or self.key


PURCHASES = _Table("purchases", ("key",), ("created", "key"))
PRUNED = _Table("pruned", ("key",))
OTHERS = (
    PRUNED,
    _Table("ratings", ("key",)),
    _Table("batches", ("id",)),
    _Table("items", ("batch", "n")),
    _Table("uploads", ("fingerprint", "slot", "sha256"), cache=True),
    _Table("cooldowns", ("account", "fingerprint", "cause"), cache=True),
    _Table("notices", ("fingerprint", "vendor_id"), cache=True),
)

_SAME_KEYS: Mapping[_Table, tuple[_Table, ...]] = {PURCHASES: (PRUNED,), PRUNED: (PURCHASES,)}
"""Tables of which only one has a key."""

_Rows = list[dict[str, Any]]


@attrs.frozen
class Copied:
    """What a copy did.

    Attributes:
        rows: Rows of the source, by table; each is in the target now.
        new: Those that were not there before.
        digest: SHA-256 of the purchases, attempts, ratings, batches and items, the same in both.
    """

    rows: Mapping[str, int]
    new: Mapping[str, int]
    digest: str


def copy_journal(
    source: Where, target: Where, progress: Callable[[str, int], None] | None = None
) -> Copied:
    """Copy everything that a journal knows into another one, and compare the two.

    No process may use either meanwhile.

    Args:
        source: The journal to read.
        target: The journal to write to, made if need be. It may have purchases of its own.
        progress: Called with a table and the number of its rows that are done.

    Raises:
        JournalError: A row is in the target with other content; nothing was written then. Or the
            two differ at the end.
    """
    if source == target:
        raise JournalError("the two journals are the same")
    progress = progress or (lambda _table, _rows: None)
    first = open_store(source, pending.adopt)
    try:
        _need_no_pending(first)
        second = open_store(target, pending.adopt)
        try:
            return _Copy(first, second, progress).run()
        finally:
            second.close()
    finally:
        first.close()


def _need_no_pending(store: Store) -> None:
    """Refuse a journal with records that it has not taken: one may contain a paid job."""
    left = [] if store.pending is None else Pending(store.pending).paths()
    if left:
        raise JournalError(
            f"{store.pending} has records that {store.place} has not taken; a copy would lack them",
            hint="run 'motionkit journal check' with that journal",
        )


@attrs.frozen
class _Copy:
    """A copy between two open databases."""

    source: Store
    target: Store
    progress: Callable[[str, int], None]

    def run(self) -> Copied:
        # All of it before anything is written: half a copy of another journal is useless.
        new_ones = frozenset(one for one in (PURCHASES, *OTHERS) if self._is_empty(one))
        for table in (PURCHASES, *OTHERS):
            if new_ones >= {table, *_SAME_KEYS.get(table, ())}:
                continue
            for page in self._pages(self.source, table):
                self._compare(table, page, self._same(table, page), missing_is_fine=True)
        new = {"attempts": 0}
        for table in (PURCHASES, *OTHERS):
            new[table.name] = 0
            done = 0
            for page in self._pages(self.source, table):
                for name, rows in self._missing(table, page).items():
                    new[name] += len(rows)
                done += len(page)
                self.progress(table.name, done)
        budget.count_missing(self.target)
        return self._verify(new)

    def _is_empty(self, table: _Table) -> bool:
        """Return whether the target has no row of a table."""
        return not self.target.query(f"SELECT 1 FROM {table.name} LIMIT 1")  # noqa: S608 - its name

    def _pages(self, store: Store, table: _Table) -> Iterator[_Rows]:
        """Yield the rows of a table in order."""
        names = ",".join(table.ordered)
        last: dict[str, Any] = {}
        while True:
            after = ",".join(f":{name}" for name in table.ordered)
            since = f"WHERE ({names})>({after})" if last else ""
            query = f"SELECT * FROM {table.name} {since} ORDER BY {names} LIMIT :page"  # noqa: S608
            found = store.query(query, {**last, "page": _PAGE})
            if found:
                yield [_content(row, table) for row in found]
            if len(found) < _PAGE:
                return
            last = {name: found[-1][name] for name in table.ordered}

    def _same(self, table: _Table, page: _Rows) -> _Rows:
        """Return the target's rows with the keys of a page."""
        first = table.key[0]
        listed = json.dumps(sorted({row[first] for row in page}))
        where = f"{first} IN (SELECT value FROM json_each(:keys))"  # noqa: S608 - its own names
        values: dict[str, Any] = {"keys": listed}
        for name in table.key[1:]:  # narrows a batch of a million items to those of the page
            numbers = [row[name] for row in page]
            values |= {f"from_{name}": min(numbers), f"to_{name}": max(numbers)}
            where += f" AND {name}>=:from_{name} AND {name}<=:to_{name}"
        query = f"SELECT * FROM {table.name} WHERE {where}"  # noqa: S608 - its own names
        return [_content(row, table) for row in self.target.query(query, values)]

    def _compare(self, table: _Table, page: _Rows, theirs: _Rows, *, missing_is_fine: bool) -> None:
        """Refuse rows that the target has with other content.

        Raises:
            JournalError: Naming the first of them.
        """
        there = {_key(row, table): row for row in theirs}
        ours = [row for row in page if not missing_is_fine or _key(row, table) in there]
        if not table.cache:
            wrong = [row for row in ours if there.get(_key(row, table)) != row]
            if table is PURCHASES and not wrong:
                mine, other = (self._attempts(one, ours) for one in (self.source, self.target))
                wrong = [row for row in ours if mine.get(row["key"]) != other.get(row["key"])]
        else:
            wrong = [row for row in ours if _key(row, table) not in there]
        wrong += self._pruned_on_one_side(table, page)
        if wrong:
            named = ", ".join(" ".join(map(str, _key(row, table))) for row in wrong[:_NAMED])
            more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            raise JournalError(
                f"{table.name} with the same key but other content are in {self.source.place} and "
                f"{self.target.place}: {named}{more}",
                hint="one of the journals was used after the copy; continue with that one, or copy "
                "into an empty one",
            )

    def _pruned_on_one_side(self, table: _Table, page: _Rows) -> _Rows:
        """Return purchases of a page that were pruned in one of the journals only."""
        others = _SAME_KEYS.get(table)
        if others is None:
            return []
        found = self.target.query(
            f"SELECT key FROM {others[0].name} WHERE key IN (SELECT value FROM json_each(:keys))",  # noqa: S608 - its own names
            {"keys": json.dumps([row["key"] for row in page])},
        )
        pruned = {row["key"] for row in found}
        return [row for row in page if row["key"] in pruned]

    @staticmethod
    def _attempts(store: Store, page: _Rows) -> dict[str, _Rows]:
        """Return the attempts of purchases, in the order in which they were made."""
        found = Journal.attempts_of(store, [row["key"] for row in page])
        return {key: [_content(row, PURCHASES) for row in rows] for key, rows in found.items()}

    def _missing(self, table: _Table, page: _Rows) -> dict[str, _Rows]:
        """Write the rows that the target does not have; return them by table."""
        there = {_key(row, table) for row in self._same(table, page)}
        rows = [row for row in page if _key(row, table) not in there]
        if not rows:
            return {}
        made = {table.name: rows}
        counted: dict[str, str | None] = {}
        if table is PURCHASES:
            counted = self._counted(rows)
            made[table.name] = [{**row, "counted": counted[row["key"]]} for row in rows]
            attempts = self._attempts(self.source, rows)
            made["attempts"] = [one for row in rows for one in attempts.get(row["key"], [])]
        elif table is PRUNED:
            counted = {row["key"]: row["adds"] for row in rows}
        with self.target.writing("copy to") as db:
            for name, some in made.items():
                if some:
                    db.insert(name, list(some[0]), [list(row.values()) for row in some])
            budget.carry(db, counted.values())
        return made

    def _counted(self, page: _Rows) -> dict[str, str | None]:
        """Return what purchases of the source add to the counters of budgets."""
        found = self.source.query(
            "SELECT key, counted FROM purchases WHERE key IN (SELECT value FROM json_each(:keys))",
            {"keys": json.dumps([row["key"] for row in page])},
        )
        return {row["key"]: row["counted"] for row in found}

    def _verify(self, new: Mapping[str, int]) -> Copied:
        """Compare every row of the source with the target's, once more."""
        rows: dict[str, int] = {"attempts": 0}
        digest = hashlib.sha256()
        for table in (PURCHASES, *OTHERS):
            rows[table.name] = 0
            for page in self._pages(self.source, table):
                theirs = self._same(table, page)
                self._compare(table, page, theirs, missing_is_fine=False)
                rows[table.name] += len(page)
                if table.cache:
                    continue
                wanted = {_key(row, table) for row in page}
                found = {_key(row, table): row for row in theirs if _key(row, table) in wanted}
                attempts = self._attempts(self.target, page) if table is PURCHASES else {}
                for row in page:
                    there = [found[_key(row, table)], *attempts.get(row.get("key", ""), [])]
                    rows["attempts"] += len(there) - 1
                    digest.update(json.dumps(there, sort_keys=True).encode())
        return Copied(rows, new, digest.hexdigest())


def _content(row: Any, table: _Table) -> dict[str, Any]:
    own = _OWN if table is PURCHASES else frozenset()
    return {name: row[name] for name in row.keys() if name not in own}  # noqa: SIM118


def _key(row: Mapping[str, Any], table: _Table) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)
