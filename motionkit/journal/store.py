"""What the journal asks of a database: statements, transactions, a clock.

`motionkit.journal.database` answers it with a SQLite file, `motionkit.journal.postgres` with a
PostgreSQL server. There is one text of each statement, in what both understand:

- Parameters are named, ``:name``. A list is one parameter with JSON text, read by
  ``IN (SELECT value FROM json_each(:names))``.
- Truth is an INTEGER of 0 or 1, compared with ``<>0``.
- A parameter that may be NULL and is compared is ``CAST(:name AS TEXT)``.
- ``rowid`` is the order of insertion.
- No error of the database is caught inside a transaction, except behind a savepoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from motionkit._support.addresses import DatabaseAddress

AHEAD = "write ahead to"
"""What errors call a write that precedes a paid call."""
BUSY_TIMEOUT = 20.0
"""Seconds to wait for another process before giving up."""

Values = Mapping[str, Any]
NO_VALUES: Values = {}
Lock = tuple[str, str]
"""What a transaction reserves before it reads: a class (``request``, ``route``, ``account``,
``calls``, ``pending`` or ``prune``), and a name in it."""
Where = Path | DatabaseAddress | None
"""A SQLite file, a PostgreSQL database, or the memory of this process."""


class Row(Protocol):
    """A row that a statement returned: its columns by name or number."""

    def __getitem__(self, column: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> list[str]:
        """Return the names of its columns."""
        ...


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    @property
    def description(self) -> Any:
        """Its columns: a sequence whose items begin with the name; None without rows."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection inside a transaction."""

    def execute(self, statement: str, values: Values = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def send(self, statement: str, values: Values = ..., /) -> object:
        """Run one statement whose answer is not read.

        A server gets it with the next one, or with the commit: that is one round trip less. Its
        error is raised there. A SQLite file runs it at once.
        """
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> None:
        """Insert many rows, as one stream where the database is a server's."""
        ...


class Store(ABC):
    """One client's handle on a database, safe to share between threads and processes.

    Attributes:
        shared: Whether processes on other machines can use the same database.
        place: The database for people, without a password.
        pending: The folder of the records that the database could not take; None in memory.
        unbindable: Errors of a value that no statement takes.
        contradictions: Errors of a row that violates a constraint.
    """

    shared: bool
    place: str
    pending: Path | None
    unbindable: tuple[type[Exception], ...]
    contradictions: tuple[type[Exception], ...]

    @abstractmethod
    def query(self, statement: str, values: Values = NO_VALUES) -> list[Any]:
        """Return the rows that a statement selects, inside or outside a transaction.

        Raises:
            JournalError: The database cannot be read.
        """

    @abstractmethod
    def writing(
        self,
        doing: str = "write to",
        *,
        patience: float | None = None,
        adopt: bool = True,
        locks: Sequence[Lock] = (),
        durable: bool = True,
        reserved: bool = False,
    ) -> AbstractContextManager[Connection]:
        """Give a connection inside a transaction that is committed when the block ends.

        Args:
            doing: What to call it in an error.
            patience: Seconds to wait for others who write; `BUSY_TIMEOUT` when None.
            adopt: Take the pending records first.
            locks: What the block reads and then decides on: no other transaction holds the same
                ones. A SQLite file has one writer anyway.
            durable: Whether it is on the disk when the block ends. False for what may be lost in
                a crash of the database; a SQLite file has all on the disk.
            reserved: Use the connection that is kept free for heartbeats: other threads may hold
                all others while they wait for a lock. A SQLite file has one connection.

        Raises:
            JournalError: Nothing was written, or it is unknown whether it was.
        """

    def execute(
        self,
        statement: str,
        values: Values | Callable[[], Values] = NO_VALUES,
        doing: str = "write to",
        *,
        durable: bool = True,
    ) -> int:
        """Run one statement in a transaction of its own; return how many rows it changed.

        Args:
            statement: The statement.
            values: Its parameters; or a function that returns them, called inside the transaction,
                whose first answer has the database's clock.
            doing: See `writing`.
            durable: See `writing`.

        Raises:
            JournalError: As from `writing`.
        """
        with self.writing(doing, durable=durable) as db:
            return db.execute(statement, values() if callable(values) else values).rowcount

    @abstractmethod
    def now(self) -> float:
        """Return the present on the clock that all processes share, in epoch seconds.

        It is the database's clock on PostgreSQL, and this machine's elsewhere. Never raises: where
        the database cannot be reached, it is estimated.
        """

    @abstractmethod
    def clock(self) -> float | None:
        """Return the database's own clock, in epoch seconds.

        Returns:
            None where the machine's clock is the only one, or the database cannot be reached.
        """

    @abstractmethod
    def changes(self) -> Hashable:
        """Return a token that changes whenever another process may have written."""

    @abstractmethod
    def count_end(self) -> None:
        """Make `changes` another one: this process has seen a job end."""

    @abstractmethod
    def rescued(
        self, statements: Mapping[str, str], values: Values
    ) -> dict[str, Mapping[str, Any]]:
        """Return a row of each statement, as far as the database can still be read; never raises.

        Args:
            statements: By name; each selects one row.
            values: Their parameters.
        """

    @abstractmethod
    def integrity(self) -> list[str]:
        """Return what the database itself finds wrong with its files, as far as it can tell."""

    @abstractmethod
    def is_passing(self, error: BaseException | None) -> bool:
        """Return whether the cause of an error may end soon: a lock, a server that restarts."""

    @abstractmethod
    def close(self) -> None:
        """Release the database."""


Adopt = Callable[[Store, float | None], None]
"""Writes the pending records: called with the store and a patience ahead of each use while the
folder `pending` exists, but not inside a transaction."""
